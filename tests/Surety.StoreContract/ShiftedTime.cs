namespace Surety.StoreContract;

/// <summary>
/// Real time, shifted by the test; timers stay real. <c>FakeTimeProvider</c> stands still between two moves, and its timers with it.
/// </summary>
public sealed class ShiftedTime : TimeProvider
{
    private long passed;
    private long jumped;

    /// <summary>So much time passes at once, on every clock.</summary>
    public void Advance(TimeSpan by) => Interlocked.Add(ref passed, by.Ticks);

    /// <summary>Somebody sets the wall clock; no time passes.</summary>
    public void Jump(TimeSpan by) => Interlocked.Add(ref jumped, by.Ticks);

    public override DateTimeOffset GetUtcNow() =>
        System.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref passed) + Interlocked.Read(ref jumped));

    public override long GetTimestamp() =>
        System.GetTimestamp() + (long)((Int128)Interlocked.Read(ref passed) * TimestampFrequency / TimeSpan.TicksPerSecond);
}
