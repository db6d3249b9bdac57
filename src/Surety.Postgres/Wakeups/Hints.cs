using System.Collections.Concurrent;
using System.Data.Common;
using Npgsql;
using Surety.Postgres.Connections;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres.Wakeups;

/// <summary>
/// Wakes sleeping workers: this process's at once, one of the other processes' by a notification that calls it. Producers pay nothing for
/// it: one notification for all that was committed within some milliseconds, after their commits and on a connection of our own (a NOTIFY
/// inside an enqueueing transaction would make commits wait for each other), and none while no other node is there. A node without room
/// passes a call on. Losing any of them costs time only: workers also look by themselves.
/// </summary>
internal sealed class Hints(PostgresConnections connections, HintSql sql, Looks looks, TimeProvider time) : IAsyncDisposable
{
    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(15);
    // A node that joins looks for work by itself.
    private static readonly TimeSpan WhileAlone = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WatchedFor = TimeSpan.FromMinutes(1);

    // A node that was called and has not begun to look by then has no room, or is busy.
    private static readonly TimeSpan Answered = TimeSpan.FromMilliseconds(5);

    // All nodes are busy soon when there is much to do, and then passing on helps nobody.
    private static readonly TimeSpan BetweenPasses = TimeSpan.FromMilliseconds(50);

    private readonly string self = Guid.CreateVersion7().ToString("N");
    // Our own units of work under way, and what was enqueued in them.
    private readonly ConcurrentDictionary<DbTransaction, News> units = new();
    private readonly ConcurrentDictionary<DbTransaction, News> watched = new();
    private readonly ConcurrentDictionary<NodeId, bool> own = new();
    private readonly SemaphoreSlim due = new(0, 1);
    private readonly CancellationTokenSource closing = new();
    private long passedAt = long.MinValue;
    private volatile bool needsOthers;
    private Task sending = Task.CompletedTask;
    private Task listening = Task.CompletedTask;

    public void Start()
    {
        using (ExecutionContext.SuppressFlow())
        {
            sending = SendAsync();
            // A pooler's connection hears nothing: the server's, which listens, is somebody else's a moment later.
            if (!connections.ArePooled) listening = ListenAsync();
            else looks.Change(static (plan, _) => plan.Deaf(), 0);
        }
    }

    /// <summary>A node of this process: it needs no notification.</summary>
    public void Joined(NodeId node) => own[node] = true;

    public void Left(NodeId node) => own.TryRemove(node, out _);

    /// <summary>This node's place among the live ones, as far as its last heartbeat knew.</summary>
    public NodeRank Rank
    {
        get;
        set
        {
            field = value;
            looks.Change(static (plan, rank) => plan.Among(rank.Count), value);
        }
    } = NodeRank.Alone;

    /// <summary>A look took as much as this node has room for, so there may be more than it can do: the next node is called.</summary>
    public void Filled() => PassOn(hops: 1);

    /// <summary>Messages were committed.</summary>
    public void Committed(News news)
    {
        if (news == News.None) return;
        if (news == News.ForAny) needsOthers = true;
        looks.Committed();
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
    public void Enqueued(NpgsqlTransaction transaction, News news)
    {
        if (units.TryGetValue(transaction, out var before)) units[transaction] = before > news ? before : news;
        // Others may enqueue in it later: whatever they bring, one more look is the least.
        else if (watched.TryAdd(transaction, News.ForAny)) _ = WatchAsync(transaction);
    }

    /// <summary>One of our own units of work began; <see cref="Ended"/> tells of its end.</summary>
    public void Began(NpgsqlTransaction transaction) => units[transaction] = News.None;

    public void Ended(NpgsqlTransaction transaction, bool committed)
    {
        if (units.TryRemove(transaction, out var news) && committed) Committed(news);
    }

    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync();
        await Task.WhenAll(sending, listening).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        closing.Dispose();
        due.Dispose();
    }

    private void Heard(string payload)
    {
        var rank = Rank;
        // What is none of ours was sent by hand, or by a program of another version: better one look too many.
        if (WorkCall.Read(payload) is not { } call)
        {
            looks.Heard(isForUs: true);
            return;
        }

        var isForUs = !own.IsEmpty && rank.IsFor(call.Number);
        if (call.From == self)
        {
            looks.Change(static (plan, heard) => plan.HeardSelf(heard.isForUs, heard.Now), (isForUs, looks.Now));
            return;
        }

        looks.Heard(isForUs);
        if (isForUs && call.Hops < rank.Count - 1) _ = PassUnlessAnsweredAsync(call.Hops + 1);
    }

    private async Task PassUnlessAnsweredAsync(int hops)
    {
        var begun = looks.Begun;
        await Task.Delay(Answered, time, closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (looks.Begun == begun && !closing.IsCancellationRequested) PassOn(hops);
    }

    private void PassOn(int hops)
    {
        if (Rank.Count < 2 || own.IsEmpty) return;
        var last = Interlocked.Read(ref passedAt);
        if (last != long.MinValue && time.GetElapsedTime(last) < BetweenPasses) return;
        if (Interlocked.CompareExchange(ref passedAt, time.GetTimestamp(), last) != last) return;
        using (ExecutionContext.SuppressFlow()) _ = SendAsync(sql.PassOn(self, Rank.Next, hops));
    }

    private async Task SendAsync(NpgsqlBatchCommand call)
    {
        try
        {
            await using var connection = await connections.OpenOwnAsync(closing.Token);
            await using var notify = new NpgsqlBatch(connection) { BatchCommands = { call } };
            await notify.ExecuteNonQueryAsync(closing.Token);
        }
        catch (Exception)
        {
            // The other nodes look by themselves a little later.
        }
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
            Committed(News.ForAny);
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
        // Off the context of the caller that opens the store: its thread may block until the loops have ended.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var cancel = closing.Token;
        var isAlone = false;
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await due.WaitAsync(cancel);
                await Task.Delay(isAlone && Rank.Count < 2 ? WhileAlone : Coalesce, time, cancel);
                // Before the call: what is committed meanwhile asks for the next one.
                if (!needsOthers && looks.NeedNobodyElse) continue;
                needsOthers = false;
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
                connection.Notification += (_, hint) => Heard(hint.Payload);
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

/// <summary>What a commit brought.</summary>
internal enum News
{
    /// <summary>No message.</summary>
    None,

    /// <summary>Plain messages of queues that this process works, and had room for when it last looked.</summary>
    ForUs,

    /// <summary>Messages that it may have to leave to others.</summary>
    ForAny,
}
