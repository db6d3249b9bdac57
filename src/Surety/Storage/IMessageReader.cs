namespace Surety.Storage;

/// <summary>What people and status pages read of messages. Never waits for writers.</summary>
internal interface IMessageReader
{
    /// <inheritdoc cref="IMessages.FindAsync"/>
    ValueTask<MessageInfo?> FindAsync(MessageId id, CancellationToken cancel);

    /// <inheritdoc cref="IMessages.ListAsync"/>
    ValueTask<MessagePage> ListAsync(MessageFilter filter, CancellationToken cancel);
}
