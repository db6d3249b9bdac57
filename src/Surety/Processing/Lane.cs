using Surety.Coordination;
using Surety.Storage;

namespace Surety.Processing;

/// <summary>
/// One queue's share of this node: what was claimed and not begun, and as many runners as the queue's concurrency allows. How much it
/// claims ahead follows the measured handler time: about 100 ms of work, so that no node sits on messages another one could run.
/// </summary>
internal sealed class Lane
{
    private const int MostAhead = 1_000;
    private const double AheadMilliseconds = 100;

    private readonly Lock gate = new();
    private readonly Queue<ClaimedMessage> singles = [];
    private readonly HashSet<IReadOnlyList<ClaimedMessage>> begun = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, Gathering> gatherings = [];
    private readonly Func<IReadOnlyList<ClaimedMessage>, QueueOptions, Action, Task> run;
    private readonly Action roomMade;
    private readonly Home home;
    private readonly TimeProvider time;
    private readonly int batchMax;
    private readonly RateLimiter? rate;
    private int active;
    private bool starting;
    private int ending;
    private ExecutionContext? nobodys;
    private int held;
    private double handlerMilliseconds = double.NaN;

    /// <param name="name">The queue.</param>
    /// <param name="options">How it is worked.</param>
    /// <param name="batches">Limits of the kinds handled in batches, by kind.</param>
    /// <param name="run">
    /// Runs one attempt; never throws. Calls the action when the handler is done and what is left is a commit: the next handler need not
    /// wait for that.
    /// </param>
    /// <param name="roomMade">Called when the lane may claim more.</param>
    /// <param name="home">Where its runners start.</param>
    /// <param name="time">The clock.</param>
    public Lane(
        string name, QueueOptions options, IReadOnlyDictionary<string, BatchLimits> batches,
        Func<IReadOnlyList<ClaimedMessage>, QueueOptions, Action, Task> run, Action roomMade, Home home, TimeProvider time)
    {
        (Name, Options, this.run, this.roomMade, this.home, this.time) = (name, options, run, roomMade, home, time);
        foreach (var (kind, limits) in batches) gatherings[kind] = new Gathering(limits);
        batchMax = batches.Count == 0 ? 1 : batches.Values.Max(b => b.MaxSize);
        rate = options.RateLimit is { } permits ? new RateLimiter(permits, options.RatePeriod, time) : null;
    }

    public string Name { get; }
    public QueueOptions Options { get; }

    /// <summary>How long until the rate limit lets one more start; zero without one.</summary>
    public TimeSpan UntilRate()
    {
        lock (gate) return rate?.UntilNext() ?? TimeSpan.Zero;
    }

    /// <summary>Whether nothing is claimed and unfinished.</summary>
    public bool IsIdle
    {
        get { lock (gate) return held == 0; }
    }

    /// <summary>How many to claim now; zero while a claim would bring very few messages.</summary>
    public int Room()
    {
        lock (gate)
        {
            var capacity = Options.Concurrency * batchMax;
            if (handlerMilliseconds > 0)
                capacity += (int)Math.Min(MostAhead, Options.Concurrency * AheadMilliseconds / handlerMilliseconds);
            var room = Math.Min(capacity - held, IQueue.MaxBatch);
            var waiting = held - active - ending;
            if (room <= 0 || (waiting > 0 && room < capacity / 2)) return 0;
            return rate is null ? room : Math.Min(room, rate.Available());
        }
    }

    /// <summary>Counts a start that happens elsewhere against the rate limit.</summary>
    public void Spend()
    {
        lock (gate) rate?.Take(1);
    }

    public void Accept(IEnumerable<ClaimedMessage> messages)
    {
        lock (gate)
        {
            foreach (var message in messages)
            {
                held++;
                rate?.Take(1);
                if (gatherings.TryGetValue(message.Kind, out var gathering)) gathering.Add(message, time, Pump);
                else singles.Enqueue(message);
            }
        }

        Pump();
    }

    /// <summary>Adds what was claimed and is not handed to the settler yet.</summary>
    public void AddHeld(ISet<Claim> claims)
    {
        lock (gate)
        {
            foreach (var message in singles.Concat(gatherings.Values.SelectMany(g => g.Messages)).Concat(begun.SelectMany(b => b)))
                claims.Add(message.Claim);
        }
    }

    /// <summary>Takes back everything claimed and not begun.</summary>
    public IReadOnlyList<ClaimedMessage> Clear()
    {
        lock (gate)
        {
            var taken = new List<ClaimedMessage>(singles);
            singles.Clear();
            foreach (var gathering in gatherings.Values) taken.AddRange(gathering.Take(int.MaxValue));
            held -= taken.Count;
            return taken;
        }
    }

    private void Pump()
    {
        lock (gate) Start();
    }

    /// <summary>
    /// Sends one more runner on its way, if there is something for it; the gate is held. Each starts the next when it has begun, so that
    /// one at most is on its way: handlers that are done at once leave nothing for the others, whose start costs more than such a handler.
    /// </summary>
    private void Start()
    {
        if (starting || active >= Options.Concurrency || !AnyDue()) return;
        starting = true;
        active++;
        home.Post(static lane => _ = lane.RunnerAsync(started: true), this);
    }

    private bool AnyDue()
    {
        if (singles.Count > 0) return true;
        foreach (var gathering in gatherings.Values)
        {
            if (gathering.DueBatches > 0) return true;
        }

        return false;
    }

    private async Task RunnerAsync(bool started)
    {
        nobodys ??= ExecutionContext.Capture();
        var runner = new Runner(this);
        for (var messages = Next(started); messages is not null;)
        {
            var began = time.GetTimestamp();
            runner.HasLeft = false;
            await run(messages, Options, runner.Leave);
            var milliseconds = time.GetElapsedTime(began).TotalMilliseconds;
            messages = runner.HasLeft ? Return(messages, milliseconds) : Next(messages, milliseconds);
        }
    }

    /// <summary>Gives the runner's place to the next one; false when as many as may run are on their way out.</summary>
    private bool Leave()
    {
        lock (gate)
        {
            if (ending >= Options.Concurrency) return false;
            ending++;
        }

        // On this thread, which has nothing to do but wait; as if on another one, or what is the ending attempt's own (its trace, its
        // transaction) would be the next one's.
        ExecutionContext.Run(nobodys!, static lane => _ = ((Lane)lane!).RunnerAsync(started: false), this);
        return true;
    }

    /// <summary>What a runner does first.</summary>
    private IReadOnlyList<ClaimedMessage>? Next(bool started)
    {
        lock (gate)
        {
            if (started) starting = false;
            return Begin();
        }
    }

    /// <summary>What it does after that.</summary>
    private IReadOnlyList<ClaimedMessage>? Next(IReadOnlyList<ClaimedMessage> ended, double milliseconds)
    {
        bool room;
        IReadOnlyList<ClaimedMessage>? next;
        lock (gate)
        {
            room = End(ended, milliseconds);
            next = Begin();
        }

        if (room) roomMade();
        return next;
    }

    /// <summary>The same for one that gave its place away: it takes a place again, if one is free.</summary>
    private IReadOnlyList<ClaimedMessage>? Return(IReadOnlyList<ClaimedMessage> ended, double milliseconds)
    {
        bool room;
        IReadOnlyList<ClaimedMessage>? next = null;
        lock (gate)
        {
            room = End(ended, milliseconds);
            ending--;
            if (active < Options.Concurrency)
            {
                active++;
                next = Begin();
            }
        }

        if (room) roomMade();
        return next;
    }

    /// <summary>
    /// Takes the next messages and sees to it that others take those behind them; null, and the runner's place is free, when there are
    /// none. The gate is held.
    /// </summary>
    private IReadOnlyList<ClaimedMessage>? Begin()
    {
        IReadOnlyList<ClaimedMessage>? messages = null;
        foreach (var gathering in gatherings.Values)
        {
            if (gathering.DueBatches == 0) continue;
            messages = gathering.Take(gathering.Limits.MaxSize);
            break;
        }

        if (messages is null && singles.TryDequeue(out var message)) messages = [message];
        if (messages is null)
        {
            active--;
            return null;
        }

        begun.Add(messages);
        Start();
        return messages;
    }

    /// <returns>Whether the lane may claim more. The gate is held.</returns>
    private bool End(IReadOnlyList<ClaimedMessage> messages, double milliseconds)
    {
        begun.Remove(messages);
        held -= messages.Count;
        var one = Math.Max(0.001, milliseconds / messages.Count);
        handlerMilliseconds = double.IsNaN(handlerMilliseconds) ? one : handlerMilliseconds + (one - handlerMilliseconds) * 0.05;
        return Room() > 0;
    }

    /// <summary>Whether the runner's place was given to the next one, which the attempt it runs decides.</summary>
    private sealed class Runner
    {
        public Runner(Lane lane) => Leave = () => HasLeft = HasLeft || lane.Leave();

        public Action Leave { get; }

        public bool HasLeft { get; set; }
    }

    /// <summary>Messages of one kind on their way to becoming a batch.</summary>
    private sealed class Gathering(BatchLimits limits)
    {
        private readonly List<ClaimedMessage> messages = [];
        private ITimer? timer;
        private bool waited;

        public BatchLimits Limits => limits;

        public IReadOnlyList<ClaimedMessage> Messages => messages;

        public void Add(ClaimedMessage message, TimeProvider time, Action pump)
        {
            messages.Add(message);
            if (messages.Count > 1) return;
            waited = false;
            timer?.Dispose();
            timer = time.CreateTimer(
                _ =>
                {
                    // Not measured again: a timer that fires a hair early would leave the batch waiting for a message that may never come.
                    waited = true;
                    pump();
                },
                null, limits.MaxWait, Timeout.InfiniteTimeSpan);
        }

        public int DueBatches => waited ? (messages.Count + limits.MaxSize - 1) / limits.MaxSize : messages.Count / limits.MaxSize;

        public IReadOnlyList<ClaimedMessage> Take(int most)
        {
            var taken = messages.GetRange(0, Math.Min(most, messages.Count));
            messages.RemoveRange(0, taken.Count);
            // What is left has waited as long as the first of it, near enough: it came in the same claim or soon after.
            if (messages.Count == 0) timer?.Dispose();
            return taken;
        }
    }
}
