using Npgsql;
using Shouldly;
using Surety.Postgres.Hosting;
using Surety.Storage;

namespace Surety.Tests.Postgres;

/// <summary>
/// A server whose only synchronous standby is away. The data library reports a commit that gave up waiting for it as a success; an answer
/// that was accepted on that word could be lost with the server. Whatever ends the wait, it must come out as doubt.
/// </summary>
public sealed class CommitGateTests : IAsyncLifetime
{
    private PostgresServer server = null!;
    private PostgresStore store = null!;

    public async ValueTask InitializeAsync()
    {
        server = await PostgresServer.StartAsync();
        store = await OpenAsync(server.ConnectionString);
        await WithStandbyAsync("ANY 1 (absent)");
    }

    public async ValueTask DisposeAsync()
    {
        await store.DisposeAsync();
        await server.DisposeAsync();
    }

    [Theory]
    [InlineData("pg_cancel_backend")]
    [InlineData("pg_terminate_backend")]
    public async Task A_unit_of_work_whose_wait_is_ended_is_in_doubt(string end)
    {
        await using var work = await store.Database.BeginAsync();
        await store.Messages.EnqueueAsync([Message()], work, default);
        var commit = work.CommitAsync();
        await EndWaitsAsync(end, () => commit.IsCompleted);
        (await Should.ThrowAsync<StoreException>(() => commit)).InDoubt.ShouldBeTrue();
        await ShouldHoldAsync(1);
    }

    [Theory]
    [InlineData("pg_cancel_backend")]
    [InlineData("pg_terminate_backend")]
    public async Task An_enqueue_whose_wait_is_ended_is_in_doubt(string end)
    {
        var enqueue = store.Messages.EnqueueAsync([Message()], null, default).AsTask();
        await EndWaitsAsync(end, () => enqueue.IsCompleted);
        (await Should.ThrowAsync<StoreException>(() => enqueue)).InDoubt.ShouldBeTrue();
        await ShouldHoldAsync(1);
    }

    [Fact]
    public async Task A_commit_that_times_out_is_in_doubt()
    {
        await using var impatient = await OpenAsync($"{server.ConnectionString};Command Timeout=1");
        await using var work = await impatient.Database.BeginAsync();
        await impatient.Messages.EnqueueAsync([Message()], work, default);
        (await Should.ThrowAsync<StoreException>(() => work.CommitAsync())).InDoubt.ShouldBeTrue();
        await ShouldHoldAsync(1);
    }

    [Fact]
    public async Task A_commit_cannot_be_cancelled_by_its_caller()
    {
        using var given = new CancellationTokenSource();
        var enqueue = store.Messages.EnqueueAsync([Message()], null, given.Token).AsTask();
        await UntilAsync(async () => await WaitingAsync() > 0);
        await given.CancelAsync();
        await WithStandbyAsync("");
        (await enqueue)[0].IsDuplicate.ShouldBeFalse();
    }

    [Fact]
    public async Task An_answer_is_repeated_only_once_it_is_on_the_standby()
    {
        var key = new byte[32];
        await using (var first = await store.Database.BeginAsync())
        {
            (await store.Idempotency.TakeAsync(key, first, default)).State.ShouldBe(KeyState.Taken);
            await store.Idempotency.AnswerAsync(
                key, new KeyRecord(new StoredAnswer(
                201, new Dictionary<string, string>(), "{}"u8.ToArray()), new byte[32], TimeSpan.FromHours(1)), first, default);
            var commit = first.CommitAsync();
            await EndWaitsAsync("pg_cancel_backend", () => commit.IsCompleted);
            (await Should.ThrowAsync<StoreException>(() => commit)).InDoubt.ShouldBeTrue();
        }

        // The record can be read now. Reading alone would accept what no standby has.
        await using var second = await store.Database.BeginAsync();
        (await store.Idempotency.TakeAsync(key, second, default)).State.ShouldBe(KeyState.Answered);
        var barrier = second.CommitAsync();
        await UntilAsync(async () => await WaitingAsync() > 0);
        barrier.IsCompleted.ShouldBeFalse();
        await WithStandbyAsync("");
        await barrier;
    }

    [Fact]
    public async Task A_server_that_is_away_is_a_passing_trouble_and_the_store_goes_on_when_it_is_back()
    {
        await WithStandbyAsync("");
        await store.Messages.EnqueueAsync([Message()], null, default);
        await server.StopAsync();
        var failure = await Should.ThrowAsync<StoreException>(async () => await store.Messages.EnqueueAsync([Message()], null, default));
        failure.IsTransient.ShouldBeTrue();
        (await store.CheckAsync(default)).Ready.ShouldBeFalse();
        await server.BeginAsync();
        await UntilAsync(async () =>
        {
            try
            {
                await store.Messages.EnqueueAsync([Message()], null, default);
                return true;
            }
            catch (StoreException e) when (e.IsTransient)
            {
                return false;
            }
        });
        (await store.CheckAsync(default)).Ready.ShouldBeTrue();
    }

    [Theory]
    [InlineData("fsync = off", "fsync=off")]
    [InlineData("full_page_writes = off", "full_page_writes=off")]
    [InlineData("synchronous_commit = off", "synchronous_commit=off")]
    [InlineData("default_transaction_isolation = 'repeatable read'", "default_transaction_isolation=repeatable read")]
    public async Task A_server_that_could_lose_a_commit_is_refused(string setting, string says)
    {
        await using var weak = await PostgresServer.StartAsync(setting);
        (await Should.ThrowAsync<StoreException>(() => OpenAsync(weak.ConnectionString))).Message.ShouldContain(says);
    }

    [Fact]
    public async Task The_quorum_profile_wants_a_quorum()
    {
        await WithStandbyAsync("");
        await using var quorum = new PostgresStore(server.ConnectionString, TimeProvider.System, new PostgresOptions
        {
            Durability = PostgresDurability.Quorum,
        });
        (await Should.ThrowAsync<StoreException>(() => quorum.OpenAsync(default))).Message.ShouldContain("synchronous_standby_names");
    }

    private static NewMessage Message() => new() { Kind = "test.kind", Version = 1, Queue = "work", Body = "{}"u8.ToArray() };

    private static async Task<PostgresStore> OpenAsync(string connectionString)
    {
        var store = new PostgresStore(connectionString, TimeProvider.System, new PostgresOptions());
        try
        {
            await store.OpenAsync(default);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    private async Task WithStandbyAsync(string names)
    {
        await server.ExecuteAsync($"ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        await server.ExecuteAsync("SELECT pg_reload_conf()");
        await UntilAsync(async () => await server.ScalarAsync<string>("SHOW synchronous_standby_names") == names);
        // A new connection has it. That commits wait, all of them are told by the checkpointer, which has it when it has done something
        // else since.
        await server.ExecuteAsync("CHECKPOINT");
    }

    private Task<long> WaitingAsync() => server.ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");

    /// <summary>Whatever waits for the standby is told to stop, until the given thing is over.</summary>
    private Task EndWaitsAsync(string end, Func<bool> over) => UntilAsync(async () =>
    {
        await server.ScalarAsync<long>($"SELECT count({end}(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        return over();
    });

    private async Task ShouldHoldAsync(int messages)
    {
        await WithStandbyAsync("");
        (await store.Messages.ListAsync(new MessageFilter(), default)).Items.Count.ShouldBe(messages);
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await condition())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Delay(10);
        }
    }
}
