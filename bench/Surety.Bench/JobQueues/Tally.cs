namespace Surety.Bench.JobQueues;

/// <summary>What handlers were given: enough to tell a lost job and one that was handled twice, and how long each had waited.</summary>
internal sealed class Tally
{
    private static readonly double Growth = Math.Log(1.02);
    private readonly Lock gate = new();
    // 2,000 steps of 2 % reach from a microsecond to years.
    private readonly long[] waited = new long[2_000];

    public long Count { get; private set; }
    public long Sum { get; private set; }
    public uint Mixed { get; private set; }

    /// <summary>When the last one began, in microseconds of the Unix clock.</summary>
    public long At { get; private set; }

    public static long Now() => (DateTime.UnixEpoch - TimeProvider.System.GetUtcNow().UtcDateTime).Ticks / -TimeSpan.TicksPerMicrosecond;

    public void Add(Job job)
    {
        var at = Now();
        var bucket = (int)Math.Floor(Math.Log(Math.Max(1, at - job.SentAt)) / Growth);
        lock (gate)
        {
            Count++;
            Sum += job.Number;
            Mixed ^= Mix(job.Number);
            At = Math.Max(At, at);
            waited[bucket]++;
        }
    }

    /// <summary>Forgets how long those before had waited.</summary>
    public void Forget()
    {
        lock (gate) Array.Clear(waited);
    }

    public void Add(Said said)
    {
        Count += said.Count;
        Sum += said.Sum;
        Mixed ^= said.Mixed;
        foreach (var pair in said.Waited ?? []) waited[pair[0]] += pair[1];
    }

    public Said Say(string what)
    {
        lock (gate)
            return new Said(what)
            {
                Count = Count, Sum = Sum, Mixed = Mixed, At = At,
                    Waited = [.. waited.Index().Where(b => b.Item > 0).Select(b => new[] { b.Index, b.Item })],
            };
    }

    /// <summary>How long this share of the jobs waited at most, in milliseconds; within 2 %.</summary>
    public double WaitedMilliseconds(double share)
    {
        var rest = (long)Math.Ceiling(waited.Sum() * share);
        if (rest == 0) return double.NaN;
        foreach (var (bucket, count) in waited.Index())
        {
            if ((rest -= count) <= 0) return Math.Exp((bucket + 0.5) * Growth) / 1000;
        }

        return double.NaN;
    }

    /// <summary>Throws unless exactly these jobs were handled, each once.</summary>
    public void Check(long first, long count, string who)
    {
        var mixed = 0u;
        for (var number = first; number < first + count; number++) mixed ^= Mix(number);
        var sum = count * (first + first + count - 1) / 2;
        if (Count != count || Sum != sum || Mixed != mixed)
            throw new InvalidOperationException(
                $"{who}: {Count} jobs handled of {count}; sums {Sum} and {sum}, digests {Mixed:x} and {mixed:x}. Some were lost or handled "
                    + $"twice.");
    }

    private static uint Mix(long number)
    {
        var h = (uint)number;
        h = (h ^ h >> 16) * 0x85ebca6b;
        h = (h ^ h >> 13) * 0xc2b2ae35;
        return h ^ h >> 16;
    }
}
