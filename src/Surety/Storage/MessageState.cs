namespace Surety.Storage;

/// <summary>The values of the stored state, in every store's table. The unfinished ones come first.</summary>
internal enum MessageState
{
    /// <summary>Its place behind its ordering key is not known yet; where one process writes, it always is.</summary>
    Arrived = 0,
    Ready = 1,
    Scheduled = 2,
    Blocked = 3,
    Running = 4,
    Succeeded = 5,
    Dead = 6,
    Cancelled = 7,
}

internal static class MessageStates
{
    /// <summary>What people are told.</summary>
    public static MessageStatus StatusOf(this MessageState state, int attempt, bool due) => state switch
    {
        MessageState.Running => MessageStatus.Running,
        MessageState.Succeeded => MessageStatus.Succeeded,
        MessageState.Dead => MessageStatus.Dead,
        MessageState.Cancelled => MessageStatus.Cancelled,
        _ when attempt > 0 => MessageStatus.Retrying,
        MessageState.Ready => MessageStatus.Queued,
        _ => due ? MessageStatus.Queued : MessageStatus.Scheduled,
    };
}
