namespace Surety;

/// <summary>The store could not do what it was asked: unreachable, locked, full, read-only, or a commit whose end nobody knows.</summary>
public sealed class StoreException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What failed, with which values, and what to do.</param>
    /// <param name="isTransient">Trying again later can help without anybody's intervention.</param>
    /// <param name="inDoubt">A commit was sent and its end is unknown: the effect may or may not have happened.</param>
    /// <param name="innerException">The database library's own exception.</param>
    public StoreException(string message, bool isTransient = false, bool inDoubt = false, Exception? innerException = null)
        : base(message, innerException) => (IsTransient, InDoubt) = (isTransient, inDoubt);

    /// <summary>Trying again later can help without anybody's intervention (locked, restarting, out of connections). A full disk is not: somebody must make room.</summary>
    public bool IsTransient { get; }

    /// <summary>The store refuses what it was given, such as a text that it has no characters for, and will refuse it each time. The store itself is well.</summary>
    internal bool RefusesContent { get; init; }

    /// <summary>True when a commit was sent and its end is unknown; false means that nothing happened.</summary>
    public bool InDoubt { get; }
}
