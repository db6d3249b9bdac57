using System.Data.Common;
using System.Text;
using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

/// <summary>What the classes of the suite share: an empty store, a clock that the test moves, and short ways to say what happens.</summary>
public abstract class StoreContract<TFixture> : IAsyncLifetime where TFixture : StoreFixture, new()
{
    protected const string Work = "work";

    /// <summary>How long a test waits for what must happen by itself.</summary>
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    protected static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    protected TFixture Fixture { get; } = new();

    protected ManualTime Clock { get; } = new();

    private protected OpenStore Store { get; private set; } = null!;

    public virtual async ValueTask InitializeAsync() => Store = await Fixture.OpenAsync(Clock);

    public virtual async ValueTask DisposeAsync() => await Fixture.DisposeAsync();

    protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private protected static NewMessage Message(string body = "{}") => new()
    {
        Kind = "test.kind", Version = 1, Queue = Work, Body = Bytes(body),
    };

    private protected async Task<MessageId> EnqueueAsync(NewMessage? message = null) =>
        (await Store.Messages.EnqueueAsync([message ?? Message()], null, default))[0].Id;

    protected async Task<MessageId[]> EnqueueAsync(int count) =>
        [.. (await Store.Messages.EnqueueAsync([.. Enumerable.Range(0, count).Select(i => Message($"{i}"))], null, default)).Select(
            e => e.Id)];

    private protected Task<NodeId> JoinAsync(string name = "node") => JoinAsync(Store, name);

    private protected static async Task<NodeId> JoinAsync(OpenStore store, string name) =>
        (await store.Nodes.JoinAsync(name, Lease, default)).ShouldNotBeNull();

    /// <summary>All there is, up to the limit: one claim may give less.</summary>
    private protected async Task<IReadOnlyList<ClaimedMessage>> ClaimAsync(NodeId node, int limit = 100, string queue = Work)
    {
        var claimed = new List<ClaimedMessage>();
        while (claimed.Count < limit && (await Store.Messages.ClaimAsync(node, [new QueueDemand(queue, limit - claimed.Count)], default))
            .ShouldNotBeNull() is { Count: > 0 } more) claimed.AddRange(more);
        return claimed;
    }

    private protected async Task<ClaimedMessage> ClaimOneAsync(NodeId node) => (await ClaimAsync(node, 1)).ShouldHaveSingleItem();

    private protected async Task<MessageId[]> ClaimedIdsAsync(NodeId node, int limit = 100) =>
        [.. (await ClaimAsync(node, limit)).Select(m => m.Claim.Id)];

    private protected Task<bool> SettleAsync(Settlement settlement) => SettleAsync(settlement, null);

    private protected async Task<bool> SettleAsync(Settlement settlement, DbTransaction? transaction) =>
        (await Store.Messages.SettleAsync([settlement], transaction, default)).ShouldHaveSingleItem();

    /// <summary>Enqueues, claims and rejects a message.</summary>
    private protected async Task<MessageId> DeadAsync(NodeId node, NewMessage? message = null, string reason = "bad account")
    {
        var id = await EnqueueAsync(message);
        var claimed = (await ClaimAsync(node, queue: message?.Queue ?? Work)).Single(m => m.Claim.Id == id);
        (await SettleAsync(claimed.Reject(reason))).ShouldBeTrue();
        return id;
    }

    /// <summary>Lets every node that does not renew its lease die, and hands back what they held.</summary>
    private protected async Task<RescueReport> DieAsync()
    {
        Clock.Advance(Lease + TimeSpan.FromMilliseconds(1));
        return await Store.Messages.RescueAsync(1000, default);
    }

    protected ValueTask<MessageInfo?> FindAsync(MessageId id) => Store.Reader.FindAsync(id, default);

    protected async Task<MessageInfo> InfoAsync(MessageId id) => (await FindAsync(id)).ShouldNotBeNull();

    protected async Task<MessageStatus> StatusAsync(MessageId id) => (await InfoAsync(id)).Status;

    /// <summary>What the application does in its transaction.</summary>
    protected static async Task EffectAsync(DbTransaction transaction, long id)
    {
        await using var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = "INSERT INTO effect (id) VALUES (@id)";
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = ("@id", id);
        command.Parameters.Add(parameter);
        await command.ExecuteNonQueryAsync();
    }

    protected async Task<long> EffectsAsync()
    {
        await using var connection = await Store.Database.OpenReadAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM effect";
        return Convert.ToInt64(await command.ExecuteScalarAsync());
    }
}
