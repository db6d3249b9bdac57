namespace Surety;

/// <summary>
/// The store could not do what it was asked: unreachable, locked, full, read-only, asked for something it refuses, or a commit whose end
/// nobody knows.
/// </summary>
public sealed class StoreException : Exception
{
    /// <summary>
    /// Creates the exception from what is known of its kind: <see cref="FailureKind.Unavailable"/> when it is transient,
    /// <see cref="FailureKind.Mistake"/> when it is not.
    /// </summary>
    /// <param name="message">What failed, with which values, and what to do.</param>
    /// <param name="isTransient">Trying again later can help.</param>
    /// <param name="inDoubt">A commit was sent and its end is unknown: the effect may or may not have happened.</param>
    /// <param name="innerException">The database library's own exception.</param>
    public StoreException(string message, bool isTransient = false, bool inDoubt = false, Exception? innerException = null)
        : this(message, isTransient ? FailureKind.Unavailable : FailureKind.Mistake, inDoubt, innerException)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What failed, with which values, and what to do.</param>
    /// <param name="kind">Whose fault it is.</param>
    /// <param name="inDoubt">A commit was sent and its end is unknown: the effect may or may not have happened.</param>
    /// <param name="innerException">The database library's own exception.</param>
    public StoreException(string message, FailureKind kind, bool inDoubt = false, Exception? innerException = null)
        : base(message, innerException) => (Kind, InDoubt) = (kind, inDoubt);

    /// <summary>Whose fault it is.</summary>
    public FailureKind Kind { get; }

    /// <summary>
    /// Trying again later can help: everything but a <see cref="FailureKind.Mistake"/>. What a person has to see to (a full disk, a refused
    /// password), once somebody has.
    /// </summary>
    public bool IsTransient => Kind != FailureKind.Mistake;

    /// <summary>
    /// The store refuses what it was given, such as a text that it has no characters for, and will refuse it each time. The store itself is
    /// well.
    /// </summary>
    internal bool RefusesContent { get; init; }

    /// <summary>The handler had not begun, so nothing of its message can be to blame, however often this happens.</summary>
    internal bool IsBeforeHandler { get; init; }

    /// <summary>True when a commit was sent and its end is unknown; false means that nothing happened.</summary>
    public bool InDoubt { get; }
}
