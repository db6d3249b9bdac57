namespace Surety.AspNetCore.Tests;

/// <summary>Real time, moved forward by the test; timers stay real.</summary>
internal sealed class SetClock : TimeProvider
{
    private long ahead;

    public void Advance(TimeSpan by) => Interlocked.Add(ref ahead, by.Ticks);

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref ahead));

    public override long GetTimestamp() => System.GetTimestamp() + (Interlocked.Read(ref ahead) * TimestampFrequency / TimeSpan.TicksPerSecond);
}
