namespace Surety.StoreContract;

/// <summary>
/// A clock that stands still until a test moves it, and whose wall clock can be set apart from the time that passes. Timers stay real: what
/// waits for a database waits for something real. <c>FakeTimeProvider</c> does neither.
/// </summary>
public sealed class ManualTime : TimeProvider
{
    private long passed = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero).Ticks;
    private long jumped;

    public DateTimeOffset Now => new(Interlocked.Read(ref passed) + Interlocked.Read(ref jumped), TimeSpan.Zero);

    /// <summary>Raised after each move, for stores whose clock is elsewhere.</summary>
    public event Action? Moved;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Now;

    public override long GetTimestamp() => Interlocked.Read(ref passed);

    /// <summary>Lets time pass, by every clock.</summary>
    public void Advance(TimeSpan by)
    {
        Interlocked.Add(ref passed, by.Ticks);
        Moved?.Invoke();
    }

    /// <summary>Sets the wall clock, ahead or back. No time passes.</summary>
    public void Jump(TimeSpan by)
    {
        Interlocked.Add(ref jumped, by.Ticks);
        Moved?.Invoke();
    }
}
