using System.Collections.Concurrent;
using System.Diagnostics;
using Npgsql;
using Shouldly;
using Surety.Postgres.Hosting;
using Surety.Storage;
using Surety.StoreContract;

namespace Surety.Tests.Postgres;

/// <summary>
/// The engine under everything at once, on a real server: producers whose transactions are quick, slow, many-legged, held open, and rolled
/// back; nodes that claim, settle alone, in groups and in transactions with an effect, retry, cancel, forget, freeze past their lease and
/// come back; connections cut at random; segments so small that they are reused all the time. Afterwards every committed message must have
/// ended exactly once, and no other may ever have been seen.
/// </summary>
public sealed class SegmentStoryTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromMilliseconds(1500);

    /// <summary>Ten minutes of one seed: SURETY_STORY_SECONDS=600.</summary>
    private static TimeSpan Length => TimeSpan.FromSeconds(Counts.Of(100, "SURETY_STORY_SECONDS"));

    [Theory]
    [InlineData(1)]
    [InlineData(2026)]
    public async Task Every_committed_message_ends_exactly_once_whatever_happens(int seed)
    {
        var server = await PostgresServer.SharedAsync();
        await using var story = await Story.BeginAsync(
            $"{server.ConnectionString};Maximum Pool Size=40;Application Name=story{seed}", $"story{seed}", seed);
        await story.TellAsync(Length);
        await story.EndAsync();
        story.Committed.Count.ShouldBeGreaterThan(1000);
        story.Rotations.ShouldBeGreaterThan(1, "the segments did not take turns");
        story.Problems.ShouldBeEmpty();
    }

    private sealed class Story : IAsyncDisposable
    {
        private readonly string schema;
        private readonly string connectionString;
        private readonly PostgresStore store;
        private readonly int seed;
        private readonly CancellationTokenSource over = new();
        private readonly ConcurrentDictionary<long, int> ends = [];
        private readonly ConcurrentDictionary<long, bool> effects = [];
        private readonly ConcurrentDictionary<long, bool> doubtful = [];
        private readonly ConcurrentDictionary<long, bool> cancelled = [];
        private readonly ConcurrentDictionary<long, bool> maybeEnqueued = [];
        private long lastRing;

        private Story(string connectionString, string schema, int seed)
        {
            (this.connectionString, this.schema, this.seed) = (connectionString, schema, seed);
            store = Open(connectionString);
        }

        public ConcurrentDictionary<long, bool> Committed { get; } = [];
        public ConcurrentBag<string> Problems { get; } = [];
        public int Rotations { get; private set; }

        public static async Task<Story> BeginAsync(string connectionString, string schema, int seed)
        {
            var story = new Story(connectionString, schema, seed);
            await story.store.OpenAsync(default);
            await story.ExecuteAsync($"CREATE TABLE {schema}.effect (id bigint PRIMARY KEY)");
            return story;
        }

        public async Task TellAsync(TimeSpan length)
        {
            over.CancelAfter(length);
            await Task.WhenAll([
                .. Enumerable.Range(0, 5).Select(i => LoopAsync(new Random(seed * 100 + i), ProduceAsync)),
                .. Enumerable.Range(0, 4).Select(i => LoopAsync(new Random(seed * 200 + i), LiveAsync)),
                LoopAsync(new Random(seed * 300), UpkeepAsync), LoopAsync(
                    new Random(seed * 400), CutAsync), LoopAsync(new Random(seed * 500), CancelAsync)]);
        }

        /// <summary>
        /// An orderly node works off what is left; then the books are compared. Its connections are its own: some of the story's may be
        /// cut, and show that only when they are used.
        /// </summary>
        public async Task EndAsync()
        {
            await using var store = Open($"{connectionString};Application Name=teller");
            await store.OpenAsync(default);
            var began = Stopwatch.StartNew();
            var random = new Random(seed);
            while (true)
            {
                var node = (await store.Nodes.JoinAsync("last", TimeSpan.FromMinutes(5), default))!.Value;
                await store.Messages.RescueAsync(10_000, default);
                while (await store.Messages.ClaimAsync(
                    node, [new QueueDemand("a", 100), new QueueDemand("b", 100)], default) is { Count: > 0 } claimed)
                {
                    var answers = await store.Messages.SettleAsync([.. claimed.Select(m => m.Done())], null, default);
                    for (var i = 0; i < answers.Count; i++) Note(claimed[i], answers[i]);
                }

                var left = (await store.Queues.ListAsync()).Sum(q => q.Ready + q.Running + q.Scheduled);
                if (left == 0) break;
                if (began.Elapsed > TimeSpan.FromSeconds(60))
                    throw new InvalidOperationException(
                        $"{left} messages are left: {string.Join(" ", (await store.Queues.ListAsync()).Select(q => q.ToString()))}");
                await Task.Delay(100);
            }

            var stored = await NumbersAsync($"SELECT id FROM {schema}.effect");
            foreach (var id in effects.Keys.Where(id => !stored.Contains(id))) Problems.Add($"{id}'s effect was confirmed, and is gone");
            foreach (var id in stored.Where(id => !effects.ContainsKey(id) && !doubtful.ContainsKey(id)))
                Problems.Add($"{id} has an effect that was not settled with it");
            foreach (var id in Committed.Keys.Union(maybeEnqueued.Keys))
            {
                var count = ends.GetValueOrDefault(id) + (stored.Contains(id) ? 1 : 0) + (cancelled.ContainsKey(id) ? 1 : 0);
                if (count > 1) Problems.Add($"{id} ended {count} times");
                if (count == 0 && !doubtful.ContainsKey(id) && Committed.ContainsKey(id)) Problems.Add($"{id} was lost");
            }

            foreach (var id in ends.Keys.Union(stored).Where(id => !Committed.ContainsKey(id) && !maybeEnqueued.ContainsKey(id)))
                Problems.Add($"{id} was never committed, and ended");
        }

        public async ValueTask DisposeAsync()
        {
            await store.DisposeAsync();
            await ExecuteAsync($"DROP SCHEMA {schema} CASCADE");
            over.Dispose();
        }

        private PostgresStore Open(string connectionString)
        {
            var store = new PostgresStore(connectionString, TimeProvider.System, new PostgresOptions { Schema = schema });
            store.Segments.SegmentBytes = 32 * 1024;
            return store;
        }

        private async Task LoopAsync(Random random, Func<Random, Task> turn)
        {
            await Task.Yield();
            while (!over.IsCancellationRequested)
            {
                try
                {
                    await turn(random);
                }
                catch (Exception e) when (e is StoreException { IsTransient: true } or NpgsqlException or IOException)
                {
                    // A connection was cut; what it left in doubt was noted where it matters.
                }
                catch (OperationCanceledException)
                {
                    return;
                }
                catch (Exception e)
                {
                    Problems.Add(e.ToString());
                    return;
                }
            }
        }

        private static NewMessage Message(Random random)
        {
            var message = new NewMessage
            {
                Kind = "story", Version = 1, Queue = random.Next(3) == 0
                    ? "b" : "a", Priority = (Priority)random.Next(3), Body = new byte[random.Next(200) == 0 ? 40_000 : random.Next(1, 400)],
            };
            return random.Next(20) switch
            {
                0 => message with { Delay = TimeSpan.FromMilliseconds(random.Next(1, 800)) },
                1 => message with { OrderingKey = $"key{random.Next(5)}" },
                _ => message,
            };
        }

        private async Task ProduceAsync(Random random)
        {
            if (random.Next(3) == 0)
            {
                // Unknown ids cannot be noted before the answer; what is in doubt is found by its end.
                try
                {
                    foreach (var one in await store.Messages.EnqueueAsync(
                        [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => Message(random))],
                        null, default)) Committed[one.Id.Value] = true;
                }
                catch (StoreException e) when (e.InDoubt)
                {
                    await NoteDoubtAsync();
                }

                return;
            }

            var ids = new List<long>();
            await using var work = await store.Database.BeginAsync();
            for (var leg = random.Next(1, 5); leg > 0; leg--)
            {
                ids.AddRange(
                    (await store.Messages.EnqueueAsync(
                    [.. Enumerable.Range(0, random.Next(1, 30)).Select(_ => Message(random))], work.Transaction, default)).Select(
                    e => e.Id.Value));
                await RunAsync(
                    work.Transaction, "SELECT pg_sleep($1)", random.Next(20) == 0 ? 1.5 * random.NextDouble() : 0.01 * random.NextDouble());
            }

            if (random.Next(4) == 0)
            {
                await work.RollbackAsync();
                return;
            }

            try
            {
                await work.CommitAsync();
                foreach (var id in ids) Committed[id] = true;
            }
            catch (StoreException e) when (e.InDoubt)
            {
                foreach (var id in ids) maybeEnqueued[id] = true;
            }
        }

        /// <summary>One node's life: some turns, then it leaves, dies, or freezes and comes back as a ghost.</summary>
        private async Task LiveAsync(Random random)
        {
            var node = (await store.Nodes.JoinAsync("node", Lease, default))!.Value;
            var forgotten = new List<ClaimedMessage>();
            var beat = Stopwatch.StartNew();
            for (var turns = random.Next(5, 60); turns > 0 && !over.IsCancellationRequested; turns--)
            {
                if (beat.Elapsed > Lease / 4)
                {
                    if (!await store.Nodes.HeartbeatAsync(node, Lease, default)) break;
                    beat.Restart();
                }

                var claimed = await store.Messages.ClaimAsync(
                    node, [new QueueDemand(
                    "a", random.Next(1, 150), random.Next(8) == 0), new QueueDemand("b", random.Next(1, 50))], default);
                if (claimed is null) break;
                if (claimed.Count == 0) await store.Messages.WaitForWorkAsync(["a", "b"], TimeSpan.FromMilliseconds(20), default);
                // Its answer was lost: whatever it brought goes back, and what the node knows of stays.
                else if (random.Next(12) == 0) await store.Messages.HandBackAsync(node, [.. forgotten.Select(m => m.Claim)], default);
                else await EndAsync(claimed, random, forgotten);
            }

            if (random.Next(3) == 0) await store.Nodes.LeaveAsync(node, default);
            // A ghost: presumed dead long ago, it settles what it once held.
            while (forgotten.Count > 0 && await store.Nodes.HeartbeatAsync(node, TimeSpan.FromMilliseconds(1), default)
                && !over.IsCancellationRequested) await store.Messages.RescueAsync(1000, default);
            if (forgotten.Count > 0) await SettleAsync([.. forgotten.Select(m => m.Done())], random.Next(2) == 0);
        }

        private async Task EndAsync(IReadOnlyList<ClaimedMessage> claimed, Random random, List<ClaimedMessage> forgotten)
        {
            switch (random.Next(10))
            {
                case < 4:
                    await SettleAsync([.. claimed.Select(m => m.Done())], inTransaction: false);
                    break;
                case < 6:
                    foreach (var message in claimed.Take(20)) await SettleAsync([message.Done()], inTransaction: true);
                    await SettleAsync([.. claimed.Skip(20).Select(m => m.Done())], inTransaction: true);
                    break;
                case 6:
                    await SettleAsync(
                        [.. claimed.Select(m => random.Next(4) == 0 ? m.Retry(TimeSpan.FromMilliseconds(random.Next(50)))
                        : random.Next(6) == 0 ? m.HandBack() : m.Done())], inTransaction: false);
                    break;
                case 7:
                    await store.Messages.ReportAsync([.. claimed.Take(5).Select(m => (m.Claim, new Progress(1, 2, null, null)))], default);
                    await SettleAsync([.. claimed.Select(m => m.Done())], random.Next(2) == 0);
                    break;
                default:
                    var half = claimed.Count / 2;
                    forgotten.AddRange(claimed.Take(half));
                    await SettleAsync([.. claimed.Skip(half).Select(m => m.Done())], inTransaction: false);
                    break;
            }
        }

        private async Task SettleAsync(IReadOnlyList<Settlement> settlements, bool inTransaction)
        {
            if (settlements.Count == 0) return;
            try
            {
                if (!inTransaction)
                {
                    var answers = await store.Messages.SettleAsync(settlements, null, default);
                    for (var i = 0; i < answers.Count; i++)
                        Note(settlements[i].Message, answers[i] && settlements[i].Next == NextState.Succeeded);
                    return;
                }

                await using var work = await store.Database.BeginAsync();
                foreach (var settlement in settlements)
                    await RunAsync(work.Transaction, $"INSERT INTO {schema}.effect (id) VALUES ($1)", settlement.Message.Claim.Id.Value);
                var held = await store.Messages.SettleAsync(settlements, work.Transaction, default);
                if (held.Contains(false)) return;
                await work.CommitAsync();
                foreach (var settlement in settlements) effects[settlement.Message.Claim.Id.Value] = true;
            }
            catch (Exception e) when (e is StoreException or NpgsqlException)
            {
                // Whether it happened shows in the end: then nobody else may end them.
                if (e is StoreException { InDoubt: true })
                    foreach (var settlement in settlements) doubtful[settlement.Message.Claim.Id.Value] = true;
                throw;
            }
        }

        private void Note(ClaimedMessage message, bool ended)
        {
            if (ended) ends.AddOrUpdate(message.Claim.Id.Value, 1, (_, count) => count + 1);
        }

        private async Task UpkeepAsync(Random random)
        {
            await store.Messages.RescueAsync(1000, default);
            var segment = await NumberAsync($"SELECT last_value FROM {schema}.segment_newest");
            if (segment != lastRing) Rotations++;
            lastRing = segment;
            await Task.Delay(random.Next(1, 50), over.Token);
        }

        private async Task CutAsync(Random random)
        {
            await Task.Delay(random.Next(50, 700), over.Token);
            await ExecuteAsync(
                $"SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE application_name = 'story{seed}' AND pid "
                    + $"<> pg_backend_pid() ORDER BY random() LIMIT 2) s");
        }

        private async Task CancelAsync(Random random)
        {
            await Task.Delay(random.Next(1, 30), over.Token);
            var ids = Committed.Keys.ToArray();
            if (ids.Length == 0) return;
            var id = ids[random.Next(ids.Length)];
            try
            {
                if (await store.Messages.CancelAsync(new MessageId(id), "story", null, default) == CancelAnswer.Cancelled)
                    cancelled[id] = true;
            }
            catch (StoreException e) when (e.InDoubt)
            {
                doubtful[id] = true;
                throw;
            }
        }

        private async Task NoteDoubtAsync()
        {
            // Every id that exists and that no producer knows may be of the enqueue in doubt.
            await using var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand($"SELECT last_value FROM {schema}.message_id_seq", connection);
            var last = (long)(await command.ExecuteScalarAsync())!;
            for (var id = Math.Max(1, last - 5000); id <= last; id++) if (!Committed.ContainsKey(id)) maybeEnqueued[id] = true;
        }

        private async Task<HashSet<long>> NumbersAsync(string sql)
        {
            await using var connection = new NpgsqlConnection($"{connectionString};Pooling=false;Application Name=teller");
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(sql, connection);
            await using var reader = await command.ExecuteReaderAsync();
            var found = new HashSet<long>();
            while (await reader.ReadAsync()) found.Add(reader.GetInt64(0));
            return found;
        }

        private static async Task RunAsync(System.Data.Common.DbTransaction transaction, string sql, object value)
        {
            await using var command = new NpgsqlCommand(sql, (NpgsqlConnection)transaction.Connection!, (NpgsqlTransaction)transaction)
            {
                Parameters = { new() { Value = value } },
            };
            await command.ExecuteNonQueryAsync();
        }

        private async Task ExecuteAsync(string sql)
        {
            await using var connection = new NpgsqlConnection($"{connectionString};Pooling=false;Application Name=teller");
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync();
        }

        private async Task<long> NumberAsync(string sql)
        {
            await using var connection = new NpgsqlConnection($"{connectionString};Pooling=false;Application Name=teller");
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(sql, connection);
            return Convert.ToInt64(await command.ExecuteScalarAsync(), System.Globalization.CultureInfo.InvariantCulture);
        }
    }
}
