using System.Data.Common;

namespace Surety.Storage;

/// <summary>Remembers answered requests, in the same commit as their effects.</summary>
public interface IIdempotencyStore
{
    /// <summary>
    /// Takes the key inside the transaction, or finds what holds it. Finding writes too (a barrier): when the transaction has committed, the record that was read is durable.
    /// </summary>
    /// <param name="key">The scoped key (principal, method, route and key); at most 64 bytes, a digest.</param>
    /// <param name="fingerprint">The request's digest; 32 bytes.</param>
    /// <param name="keepFor">How long the record is kept from now.</param>
    /// <param name="transaction">The request's transaction.</param>
    /// <param name="cancel">Gives up; nothing is kept unless the transaction commits.</param>
    ValueTask<KeyAnswer> TakeAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> fingerprint, TimeSpan keepFor, DbTransaction transaction, CancellationToken cancel);

    /// <summary>Stores the answer under a key taken in the same transaction.</summary>
    ValueTask AnswerAsync(ReadOnlyMemory<byte> key, StoredAnswer answer, DbTransaction transaction, CancellationToken cancel);

    /// <summary>As <see cref="AnswerAsync"/> in the unit of work, which is then committed. There is no cancellation: a commit that was sent cannot be taken back.</summary>
    /// <exception cref="StoreException">As of <see cref="OwnedUnitOfWork.CommitAsync"/>.</exception>
    async ValueTask AnswerAndCommitAsync(ReadOnlyMemory<byte> key, StoredAnswer answer, OwnedUnitOfWork work)
    {
        await AnswerAsync(key, answer, work.Transaction, CancellationToken.None);
        await work.CommitAsync();
    }

    /// <summary>Deletes records whose time is over; at most <paramref name="limit"/> a call. Returns how many.</summary>
    ValueTask<int> PruneAsync(int limit, CancellationToken cancel);
}

/// <summary>What holds an idempotency key.</summary>
/// <param name="State">Whether the caller took it.</param>
/// <param name="Fingerprint">With <see cref="KeyState.Answered"/>: the digest of the request that was answered.</param>
/// <param name="Answer">With <see cref="KeyState.Answered"/>: what was answered.</param>
public readonly record struct KeyAnswer(KeyState State, ReadOnlyMemory<byte> Fingerprint = default, StoredAnswer? Answer = null);

/// <summary>The states of an idempotency key, to a request that wants it.</summary>
public enum KeyState
{
    /// <summary>The caller has it, once its transaction commits.</summary>
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
public sealed record StoredAnswer(int Status, IReadOnlyDictionary<string, string> Headers, ReadOnlyMemory<byte> Body);
