namespace Surety;

/// <summary>
/// Whose fault a failure of the database is. One table for all of Surety: it decides what a command is answered, and whether an attempt at
/// a message is spent. Each store knows which of its database's codes is which.
/// </summary>
public enum FailureKind
{
    /// <summary>
    /// The request's or the message's own: a value that does not fit, a violated constraint, a table that is not there. The same again
    /// fails again. A command is answered with 500, or with the problem its host made of the constraint; the attempt is spent.
    /// </summary>
    Mistake,

    /// <summary>
    /// The transaction lost against another one (a deadlock, a conflict, a lock) or against the clock (a time limit). Trying again can
    /// help. A command is answered with 503; the attempt is spent.
    /// </summary>
    LostRace,

    /// <summary>
    /// The database is away, full or read-only for everybody. Trying again helps when it is back, or a person has been there. A command is
    /// answered with 503; the attempt is not spent.
    /// </summary>
    Unavailable,
}
