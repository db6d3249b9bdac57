using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Npgsql;
using Surety.Postgres.Sql;

namespace Surety.Postgres.Connections;

/// <summary>
/// The server's own limit of a transaction. A process that is frozen or cut off in the middle of one ends nothing by itself, and its locks
/// would be in everybody's way for as long as that lasts. Set
/// inside the transaction, because poolers drop what a session starts with, and sent together with its BEGIN, so that it costs no round
/// trip.
/// </summary>
internal sealed class TransactionLimits
{
    /// <summary>How much later than its own process the server ends a transaction: what is only slow must not be taken for what is
    /// frozen.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    // The first server with a limit of the whole transaction; before, one that never comes to stand idle has none.
    private const int WithTransactionTimeout = 170000;

    // As many as there are time limits in the host's options; somebody who makes up ever new ones pays for them.
    private const int MostKept = 1_000;

    private readonly ConcurrentDictionary<(TimeSpan Within, bool IdleOnly), Limit> kept = new();
    private IReadOnlyDictionary<string, string> settings = new Dictionary<string, string>();

    /// <summary>Takes note of what the server can do, and of what its sessions start with.</summary>
    public void Learn(IReadOnlyDictionary<string, string> settings)
    {
        this.settings = settings;
        kept.Clear();
    }

    /// <summary>Limits a transaction that has just begun, and has sent nothing yet.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="within">The time limit of the work in it.</param>
    /// <param name="idleOnly">Only while it waits for its client: for work of ours that may take long, or wait for locks, for good
    /// reasons.</param>
    /// <param name="cancel">Gives up.</param>
    public ValueTask SetAsync(NpgsqlTransaction transaction, TimeSpan within, bool idleOnly, CancellationToken cancel)
    {
        if (!kept.TryGetValue((within, idleOnly), out var limit))
        {
            limit = Make(within, idleOnly);
            if (kept.Count < MostKept) kept[(within, idleOnly)] = limit;
        }

        return Ahead.TrySend(transaction.Connection!, limit.Message, limit.Answers)
            ? ValueTask.CompletedTask
            : SendAsync(transaction, limit.Text, cancel);
    }

    /// <summary>What is set: the time limit and a grace, or the session's own limit where that is shorter. Pure.</summary>
    public static IReadOnlyList<(string Name, int Ms)> Of(TimeSpan within, bool idleOnly, IReadOnlyDictionary<string, string> settings)
    {
        var wanted = (int)Math.Clamp((within + Grace).TotalMilliseconds, 1, int.MaxValue);
        string[] names = idleOnly ? [LimitSql.IdleTimeout]
            : Number("server_version_num") >= WithTransactionTimeout
                ? [LimitSql.IdleTimeout, LimitSql.LockTimeout, LimitSql.TransactionTimeout]
            : [LimitSql.IdleTimeout, LimitSql.LockTimeout];
        return [.. names.Select(name => (name, Number(name) is > 0 and var own ? Math.Min(own, wanted) : wanted))];

        int Number(string name) =>
            settings.TryGetValue(name, out var text) && int.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number : 0;
    }

    private static async ValueTask SendAsync(NpgsqlTransaction transaction, string text, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(text, transaction.Connection, transaction);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private Limit Make(TimeSpan within, bool idleOnly)
    {
        var limits = Of(within, idleOnly, settings);
        var text = LimitSql.Set(limits);
        // A simple query: its code, its length without the code, the text and a zero. The answers are one for each statement and one for
        // all.
        var message = new byte[1 + sizeof(int) + Encoding.UTF8.GetByteCount(text) + 1];
        message[0] = (byte)'Q';
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), message.Length - 1);
        Encoding.UTF8.GetBytes(text, message.AsSpan(1 + sizeof(int)));
        return new Limit(text, message, limits.Count + 1);
    }

    private sealed record Limit(string Text, byte[] Message, int Answers);
}
