namespace Surety.Storage;

/// <summary>What a settlement comes to in a message's row. Every store asks here, so that it is decided once. Pure.</summary>
internal static class Settlements
{
    /// <summary>What dead letters without a cause of their own are grouped by.</summary>
    private const string NoCause = "unknown";

    /// <summary>Whether the message is deleted: it succeeded, and nobody asks for its status.</summary>
    public static bool LeavesNoRow(this Settlement settlement) => settlement is { Next: NextState.Succeeded, Message.Tracked: false };

    /// <summary>Whether its history may have lines: a first claim that succeeds has none.</summary>
    public static bool MayHaveHistory(this Settlement settlement) => settlement.Message.Claim.Number > 1;

    /// <summary>The state of a message that has ended.</summary>
    public static MessageState EndState(this Settlement settlement) => settlement.Next switch
    {
        NextState.Succeeded => MessageState.Succeeded,
        NextState.Dead => MessageState.Dead,
        _ => MessageState.Cancelled,
    };

    /// <summary>What a message that has ended is grouped by; every dead letter has one.</summary>
    public static string? EndCause(this Settlement settlement) =>
        settlement.Next == NextState.Dead ? settlement.Cause ?? NoCause : settlement.Cause;

    /// <summary>How long a message that has ended is kept; null for ever, as every dead letter is.</summary>
    public static TimeSpan? EndKeepFor(this Settlement settlement) => settlement.Next == NextState.Dead ? null : settlement.KeepFor;

    /// <summary>What the history says of the failure.</summary>
    public static string? HistoryError(this Settlement settlement) => settlement.Error ?? settlement.Reason;
}

/// <summary>The history of a message: a line for each attempt that ended worth telling.</summary>
internal static class History
{
    /// <summary>How many lines a message keeps.</summary>
    public const int Kept = 100;

    /// <summary>
    /// Whether a message may have more lines than are kept. Every line but a requeue's ends a claim, so few claims are few lines.
    /// </summary>
    public static bool MayBeTooLong(long claimNumber) => claimNumber > Kept / 2;
}
