using Shouldly;
using Surety.Postgres.Wakeups;

namespace Surety.Tests.Postgres;

/// <summary>
/// Nodes that decide by <see cref="ClaimPlanner"/>, played in virtual time: what several cost at a low rate next to one. The benchmark of
/// the same name measures it on a server.
/// </summary>
public class LowRateTests
{
    [Theory]
    [InlineData(100, 2, false)]
    [InlineData(100, 4, false)]
    [InlineData(600, 2, false)]
    [InlineData(600, 4, false)]
    [InlineData(2_000, 2, false)]
    [InlineData(2_000, 4, false)]
    [InlineData(100, 4, true)]
    [InlineData(600, 2, true)]
    [InlineData(600, 4, true)]
    public void Several_nodes_take_at_most_twice_the_transactions_and_twice_the_time_of_one(int rate, int nodes, bool byNodes)
    {
        var (one, several) = (new Play(rate, 1, byNodes), new Play(rate, nodes, byNodes));
        one.Run();
        several.Run();
        several.Transactions.ShouldBeLessThanOrEqualTo(2 * one.Transactions, $"one: {one}; several: {several}");
        several.WaitOf(0.99).ShouldBeLessThanOrEqualTo(2 * one.WaitOf(0.99), $"one: {one}; several: {several}");
        several.Shares.Min().ShouldBeGreaterThan(several.Shares.Sum() / nodes / 2, "each has its turn");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(600)]
    public void A_node_that_died_and_is_still_called_costs_time_and_no_message(int rate)
    {
        var play = new Play(rate, 4, byNodes: false) { Dead = 2 };
        play.Run();
        play.WaitOf(1).ShouldBeLessThan(500);
        play.Shares[2].ShouldBe(0);
    }

    /// <summary>Time goes in quarters of a millisecond. A transaction takes one millisecond, a notification as long.</summary>
    private sealed class Play(int rate, int nodes, bool byNodes)
    {
        private const double Tick = 0.25, Transaction = 1, Slot = 50, Coalesce = 15, Seconds = 10;

        private readonly Random random = new(rate);
        private readonly List<double> waits = [];
        private readonly List<double> ready = [];
        private readonly List<(double At, int From, long Number)> calls = [];
        private double now;

        public int? Dead { get; init; }

        public int Transactions { get; private set; }

        public int[] Shares { get; } = new int[nodes];

        public double WaitOf(double share) => waits.Order().ElementAt((int)Math.Ceiling(waits.Count * share) - 1);

        public override string ToString() =>
            $"{Transactions / Seconds:0} transactions/s, p50 {WaitOf(0.5):0.0} ms, p99 {WaitOf(0.99):0.0} ms";

        public void Run()
        {
            var workers = Enumerable.Range(0, nodes).Select(place => new Worker(place, ClaimPlanner.New.Among(nodes))).ToArray();
            // One that does not work, or the nodes themselves.
            var senders = byNodes ? Enumerable.Range(0, nodes).Select(i => new Sender(i)).ToArray() : [new Sender(-1)];
            for (double next = 0, end = Seconds * 1000; now < end || ready.Count > 0; now += Tick)
            {
                for (; next <= now && next < end; next -= Math.Log(1 - random.NextDouble()) * 1000 / rate)
                {
                    ready.Add(next);
                    senders[random.Next(senders.Length)].Commit(now);
                }

                foreach (var sender in senders) Send(sender, workers);
                Deliver(workers);
                foreach (var worker in workers.Where(w => w.Place != Dead)) Work(worker, byNodes ? senders[worker.Place].Committed : 0);
            }
        }

        private void Send(Sender sender, Worker[] workers)
        {
            if (sender.Due is not { } due || due > now) return;
            sender.Due = null;
            // A node that is alone calls nobody, and neither does one that has taken all of its own.
            if (byNodes && (nodes == 1 || workers[sender.Place].Plan.NeedsNobodyElse(sender.Committed))) return;
            Transactions++;
            calls.Add((now + Transaction, sender.Place, (long)(now / Slot)));
        }

        private void Deliver(Worker[] workers)
        {
            foreach (var call in calls.Where(c => c.At <= now))
            {
                foreach (var worker in workers)
                {
                    var isForIt = new NodeRank(worker.Place, nodes).IsFor(call.Number);
                    worker.Plan = worker.Place == call.From ? worker.Plan.HeardSelf(isForIt, Now) : worker.Plan.Heard(isForIt, Now);
                }
            }

            calls.RemoveAll(c => c.At <= now);
        }

        private void Work(Worker worker, long own)
        {
            if (worker.Until > now) return;
            if (worker.Found is { } found)
            {
                worker.Found = null;
                worker.Plan = worker.Plan.End(
                    new Look(found.Count, IsAll: true) { Plain = found.Count > 0, Other = false, IsAround = worker.LooksAround }, Now);
                waits.AddRange(found.Select(at => now - at));
                Shares[worker.Place] += found.Count;
                // The settlement, by another connection.
                if (found.Count > 0) Transactions++;
            }

            if (worker.Plan.NextLook(own) > Now) return;
            worker.Plan = worker.Plan.Begin(own);
            worker.LooksAround = worker.Plan.Where() == LookFirst.Around || ready.Count == 0;
            worker.Found = [.. ready];
            ready.Clear();
            var transactions = worker.LooksAround ? 2 : 1;
            Transactions += transactions;
            worker.Until = now + (transactions * Transaction);
        }

        private TimeSpan Now => TimeSpan.FromMilliseconds(now);

        private sealed class Worker(int place, ClaimPlanner plan)
        {
            public int Place => place;

            public ClaimPlanner Plan { get; set; } = plan;

            public double Until { get; set; }

            public List<double>? Found { get; set; }

            public bool LooksAround { get; set; }
        }

        private sealed class Sender(int place)
        {
            public int Place => place;

            public long Committed { get; private set; }

            public double? Due { get; set; }

            public void Commit(double now)
            {
                Committed++;
                Due ??= now + Coalesce;
            }
        }
    }
}
