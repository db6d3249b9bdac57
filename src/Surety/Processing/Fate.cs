using Surety.Coordination;

namespace Surety.Processing;

/// <summary>What becomes of an attempt that the database failed. Pure; the other half of the one table, after each store's codes.</summary>
internal static class Fate
{
    /// <summary>
    /// Whether the attempt is spent: for a mistake of its own or a race it lost, but not while the database is away for everybody.
    /// </summary>
    /// <param name="kind">Whose fault it was.</param>
    /// <param name="streak">How often that happened to the message in a row.</param>
    /// <param name="limits">How often it may.</param>
    public static bool IsSpent(FailureKind kind, Streak streak, OutageLimits limits) =>
        kind != FailureKind.Unavailable || streak.AmongSuccesses >= limits.MostInARow;

    /// <summary>Spent, it goes the way of every failure, by the queue's policy and its rules; unspent, it waits.</summary>
    public static Outcome Of(Exception failure, FailureKind kind, Streak streak, OutageLimits limits, double jitter) =>
        IsSpent(kind, streak, limits) ? Outcome.Failed(failure) : Outcome.Snooze(limits.PauseAfter(streak.InARow, jitter), failure.Message);
}
