using System.Data.Common;

namespace Surety.Storage;

/// <summary>Remembers answered requests, in the same commit as their effects. Pruning deletes records whose time is over.</summary>
internal interface IIdempotencyStore : IPrunable
{
    /// <summary>
    /// Takes the key until the transaction ends, or finds what holds it. Taking stores nothing, an answer does. Finding writes (a barrier):
    /// when the transaction has committed, the record that was read is durable.
    /// </summary>
    /// <param name="key">The scoped key (principal, method, route and key); at most 64 bytes, a digest.</param>
    /// <param name="transaction">The request's transaction.</param>
    /// <param name="cancel">Gives up.</param>
    ValueTask<KeyAnswer> TakeAsync(ReadOnlyMemory<byte> key, DbTransaction transaction, CancellationToken cancel);

    /// <summary>Stores the answer under its key, which was taken in the same transaction.</summary>
    /// <param name="key">The scoped key, as in <see cref="TakeAsync"/>.</param>
    /// <param name="answer">The answer, and whose it is.</param>
    /// <param name="transaction">The request's transaction.</param>
    /// <param name="cancel">Gives up; nothing is kept unless the transaction commits.</param>
    /// <exception cref="InvalidOperationException">The key has an answer already.</exception>
    ValueTask AnswerAsync(ReadOnlyMemory<byte> key, KeyRecord answer, DbTransaction transaction, CancellationToken cancel);

    /// <summary>
    /// As <see cref="AnswerAsync"/> in the unit of work, which is then committed. There is no cancellation: a commit that was sent cannot
    /// be taken back.
    /// </summary>
    /// <exception cref="InvalidOperationException">The key has an answer already. Nothing was committed.</exception>
    /// <exception cref="StoreException">As of <see cref="OwnedUnitOfWork.CommitAsync"/>.</exception>
    async ValueTask AnswerAndCommitAsync(ReadOnlyMemory<byte> key, KeyRecord answer, OwnedUnitOfWork work)
    {
        await AnswerAsync(key, answer, work.Transaction, CancellationToken.None);
        await work.CommitAsync();
    }
}

/// <summary>What holds an idempotency key.</summary>
/// <param name="State">Whether the caller took it.</param>
/// <param name="Fingerprint">With <see cref="KeyState.Answered"/>: the digest of the request that was answered.</param>
/// <param name="Answer">With <see cref="KeyState.Answered"/>: what was answered.</param>
internal readonly record struct KeyAnswer(KeyState State, ReadOnlyMemory<byte> Fingerprint = default, StoredAnswer? Answer = null);

/// <summary>What is kept under a key.</summary>
/// <param name="Answer">What was answered.</param>
/// <param name="Fingerprint">The digest of the request that was answered; at most 64 bytes.</param>
/// <param name="KeepFor">How long it is kept from now.</param>
internal sealed record KeyRecord(StoredAnswer Answer, ReadOnlyMemory<byte> Fingerprint, TimeSpan KeepFor);

/// <summary>The states of an idempotency key, to a request that wants it.</summary>
internal enum KeyState
{
    /// <summary>The caller has it, as long as its transaction lasts.</summary>
    Taken,

    /// <summary>Another transaction holds it and has not ended.</summary>
    InProgress,

    /// <summary>A request was answered under it.</summary>
    Answered,
}

/// <summary>An answer, as it was sent.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Headers">The headers worth repeating, such as <c>Content-Type</c> and <c>Location</c>.</param>
/// <param name="Body">The body.</param>
internal sealed record StoredAnswer(int Status, IReadOnlyDictionary<string, string> Headers, ReadOnlyMemory<byte> Body);
