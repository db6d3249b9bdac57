using System.Collections.Concurrent;
using System.Data.Common;
using Npgsql;
using Surety.Postgres.Connections;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres.Wakeups;

/// <summary>
/// Wakes sleeping workers: this process's at once, other processes' by a notification. Producers pay nothing for it: one notification for
/// all that was committed within some milliseconds, after their commits and on a connection of our own (a NOTIFY inside an enqueueing
/// transaction would make commits wait for each other), and none while no other node is there. Losing any of them costs time only: workers
/// also poll.
/// </summary>
internal sealed class Hints(PostgresConnections connections, HintSql sql, WorkSignal work, TimeProvider time) : IAsyncDisposable
{
    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(15);
    // A node that joins looks for work by itself.
    private static readonly TimeSpan WhileAlone = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WatchedFor = TimeSpan.FromMinutes(1);

    private readonly string self = Guid.CreateVersion7().ToString("N");
    // Our own units of work under way, and whether something was enqueued in them.
    private readonly ConcurrentDictionary<DbTransaction, bool> units = new();
    private readonly ConcurrentDictionary<DbTransaction, bool> watched = new();
    private readonly ConcurrentDictionary<NodeId, bool> own = new();
    private readonly SemaphoreSlim due = new(0, 1);
    private readonly CancellationTokenSource closing = new();
    private long committed;
    private Task sending = Task.CompletedTask;
    private Task listening = Task.CompletedTask;

    public void Start()
    {
        using (ExecutionContext.SuppressFlow())
        {
            sending = SendAsync();
            // A pooler's connection hears nothing: the server's, which listens, is somebody else's a moment later.
            if (!connections.ArePooled) listening = ListenAsync();
        }
    }

    /// <summary>A node of this process: it needs no notification.</summary>
    public void Joined(NodeId node) => own[node] = true;

    public void Left(NodeId node) => own.TryRemove(node, out _);

    /// <summary>How many nodes work this database, as far as the last heartbeat of one of this process knew.</summary>
    public int LiveNodes { get; set; } = 1;

    /// <summary>How many commits of this process brought messages.</summary>
    public long Own => Interlocked.Read(ref committed);

    /// <summary>Messages were committed.</summary>
    public void Committed()
    {
        Interlocked.Increment(ref committed);
        work.Pulse();
        try
        {
            if (due.CurrentCount == 0) due.Release();
        }
        catch (SemaphoreFullException)
        {
            // Somebody else said it.
        }
    }

    /// <summary>Messages were enqueued in a transaction that has not committed yet.</summary>
    public void Enqueued(NpgsqlTransaction transaction)
    {
        if (units.ContainsKey(transaction)) units[transaction] = true;
        else if (watched.TryAdd(transaction, true)) _ = WatchAsync(transaction);
    }

    /// <summary>One of our own units of work began; <see cref="Ended"/> tells of its end.</summary>
    public void Began(NpgsqlTransaction transaction) => units[transaction] = false;

    public void Ended(NpgsqlTransaction transaction, bool committed)
    {
        if (units.TryRemove(transaction, out var enqueued) && enqueued && committed) Committed();
    }

    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync();
        await Task.WhenAll(sending, listening).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        closing.Dispose();
        due.Dispose();
    }

    /// <summary>Nobody tells us of the end of a transaction that the application began, but it can be seen.</summary>
    private async Task WatchAsync(NpgsqlTransaction transaction)
    {
        var began = time.GetTimestamp();
        for (var pause = 2; time.GetElapsedTime(began) < WatchedFor; pause = Math.Min(pause * 2, 100))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(pause), time, closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (closing.IsCancellationRequested) return;
            if (IsOpen(transaction)) continue;
            Committed();
            break;
        }

        watched.TryRemove(transaction, out _);
    }

    private static bool IsOpen(NpgsqlTransaction transaction)
    {
        try
        {
            return transaction.Connection is not null;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    private async Task SendAsync()
    {
        // Off the context of whoever opens the store: its thread may block until the loops have ended.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var cancel = closing.Token;
        var isAlone = false;
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await due.WaitAsync(cancel);
                await Task.Delay(isAlone ? WhileAlone : Coalesce, time, cancel);
                await using var connection = await connections.OpenOwnAsync(cancel);
                await using var notify = new NpgsqlBatch(connection);
                notify.BatchCommands.Add(sql.Notify(self, [.. own.Keys.Select(n => n.Value)]));
                isAlone = await notify.ExecuteScalarAsync(cancel) is null;
            }
            catch (Exception) when (!cancel.IsCancellationRequested)
            {
                // The pollers find the messages.
                await Task.Delay(Pause, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task ListenAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var cancel = closing.Token;
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await using var connection = await connections.OpenOwnAsync(cancel);
                connection.Notification += (_, hint) =>
                {
                    if (hint.Payload != self) work.Pulse();
                };
                await using (var listen = new NpgsqlCommand(sql.Listen, connection)) await listen.ExecuteNonQueryAsync(cancel);
                while (true) await connection.WaitAsync(cancel);
            }
            catch (Exception) when (!cancel.IsCancellationRequested)
            {
                await Task.Delay(Pause, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
