namespace Surety;

/// <summary>
/// The units of work that a flow of control works in. A write beside one of them stays when that one rolls back, and on SQLite it would
/// wait for the lock that its own flow holds; so it is refused at once,
/// unless it is marked with <see cref="UnitOfWork.Suppress"/>.
/// </summary>
/// <remarks>
/// A flow is what an <see cref="AsyncLocal{T}"/> follows. What an async method sets is gone when it returns to its caller, so marks are
/// set in two kinds of places only: in methods that are not async
/// (<see cref="SuretyDatabase.BeginAsync"/>), and in those that call the user's code themselves.
/// </remarks>
internal sealed class AmbientUnit : IDisposable
{
    public const string Pass = "Pass the unit of work to the call.";
    public const string UseIt = "Work in the one that is open.";
    public const string TakesNoPart = "It cannot take part in one.";

    private static readonly AsyncLocal<AmbientUnit?> Current = new();

    // Which data; null for a scope that suppresses. Not the store's object: a second host of this process on the same data is beside the
    // unit of work all the same.
    private readonly string? storeId;
    private readonly AmbientUnit? outer;
    private volatile State state;

    private AmbientUnit(string? storeId, State state) => (this.storeId, this.state, outer) = (storeId, state, Open(Current.Value));

    private enum State
    {
        Waiting,
        Begun,
        Ended,
    }

    /// <summary>Whether the caller's flow may be in one at all.</summary>
    public static bool IsAny => Current.Value is not null;

    /// <summary>Marks the caller's flow, from here on down, as working in a unit of work.</summary>
    /// <param name="storeId">The data it is on.</param>
    /// <param name="begun">False when it begins later, in a part of the flow that could not mark what comes after it.</param>
    public static AmbientUnit Enter(string storeId, bool begun = true) =>
        Current.Value = new AmbientUnit(storeId, begun ? State.Begun : State.Waiting);

    /// <summary>Marks the caller's flow as meaning "outside of it".</summary>
    public static AmbientUnit Suppress() => Current.Value = new AmbientUnit(null, State.Begun);

    /// <summary>Refuses a call that writes on the store beside the unit of work its flow is in.</summary>
    /// <param name="storeId">The data it is on.</param>
    /// <param name="call">The call's name, for people.</param>
    /// <param name="advice">What to do instead.</param>
    /// <exception cref="InvalidOperationException">It is one.</exception>
    public static void Check(string storeId, string call, string advice)
    {
        if (IsIn(storeId, evenIfSuppressed: false)) throw new InvalidOperationException(Beside(call, advice));
    }

    /// <summary>As <see cref="Check"/>, where the unit of work is the only write lock: then nothing helps but to do it before or
    /// after.</summary>
    public static void CheckLock(string storeId, string call, string advice)
    {
        if (!IsIn(storeId)) return;
        throw new InvalidOperationException(IsIn(storeId, evenIfSuppressed: false)
            ? Beside(call, advice)
            : $"{call} was called outside of the unit of work that its own flow of control has open. On SQLite that is the only write "
                + "lock, so the call would wait for itself: UnitOfWork.Suppress() cannot help. "
                + "Make the call before the unit of work begins or after it has ended, or pass the unit of work.");
    }

    /// <summary>Whether the caller's flow works in a unit of work on this data, even if it means to be outside of it.</summary>
    public static bool IsIn(string storeId) => IsIn(storeId, evenIfSuppressed: true);

    /// <summary>It has begun.</summary>
    public void Begin() => state = State.Begun;

    /// <summary>It has ended, in every flow that is marked with it.</summary>
    public void End() => state = State.Ended;

    /// <summary>Ends it, and takes it off the caller's flow.</summary>
    public void Dispose()
    {
        End();
        if (Current.Value == this) Current.Value = outer;
    }

    private static string Beside(string call, string advice) =>
        $"{call} was called inside a unit of work that is open in the same flow of control, without being part of it. What it writes "
        + $"would stay if the unit of work rolls back, and on SQLite, which has one write lock, it would wait for itself. {advice} "
        + "If it is to stand on its own, call it before the unit of work begins or after it has ended; on PostgreSQL it may also be "
        + "wrapped in using (UnitOfWork.Suppress()).";

    private static bool IsIn(string storeId, bool evenIfSuppressed)
    {
        for (var unit = Open(Current.Value); unit is not null; unit = Open(unit.outer))
        {
            if (unit.storeId is null && !evenIfSuppressed) return false;
            if (unit.storeId == storeId && unit.state == State.Begun) return true;
        }

        return false;
    }

    // Ended ones are passed by, so that a loop that begins one after the other does not grow a chain of them.
    private static AmbientUnit? Open(AmbientUnit? unit)
    {
        while (unit is { state: State.Ended }) unit = unit.outer;
        return unit;
    }
}
