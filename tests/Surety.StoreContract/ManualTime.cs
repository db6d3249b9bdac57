using Microsoft.Extensions.Time.Testing;

namespace Surety.StoreContract;

/// <summary>A clock that stands still until a test moves it. Timers stay real: what waits for a database waits for something real.</summary>
public sealed class ManualTime() : FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero))
{
    private long jumped;

    public DateTimeOffset Now => GetUtcNow();

    /// <summary>Raised after each move, for stores whose clock is elsewhere.</summary>
    public event Action? Moved;

    /// <summary>Lets time pass, by every clock.</summary>
    public new void Advance(TimeSpan by)
    {
        base.Advance(by);
        Moved?.Invoke();
    }

    /// <summary>Sets the wall clock, ahead or back. No time passes.</summary>
    public void Jump(TimeSpan by)
    {
        Interlocked.Add(ref jumped, by.Ticks);
        Moved?.Invoke();
    }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref jumped));

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => System.CreateTimer(callback, state, dueTime, period);
}
