namespace Surety.Sqlite;

/// <summary>
/// Remembers, per flow of control, the unit of work it holds: whoever holds the only write lock and asks for it again would wait for himself, so he is told at once instead.
/// </summary>
internal sealed class UnitGuard
{
    private readonly AsyncLocal<Holding?> current = new();

    /// <summary>Notes that the caller's flow is about to hold a unit of work. Call it outside any async method, or the note is lost on return.</summary>
    public Holding Enter()
    {
        Check("begin a second one");
        return current.Value = new Holding();
    }

    /// <summary>Whether the caller's flow holds one that has not ended.</summary>
    public bool IsHeld => current.Value is { Finished: false };

    public void Check(string doing)
    {
        if (IsHeld)
        {
            throw new InvalidOperationException(
                $"This flow of control holds a unit of work that has not ended, and wants to {doing}: it would wait for itself, as SQLite has one write lock. Pass the transaction to this call, or end the unit of work first.");
        }
    }

    internal sealed class Holding
    {
        private volatile bool finished;

        public bool Finished => finished;

        public void Finish() => finished = true;
    }
}
