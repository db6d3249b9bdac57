namespace Surety.Storage;

/// <summary>Keeps the bytes of uploads. Nothing that was not completed can be read.</summary>
public interface IBlobStore
{
    /// <summary>Names where it keeps them, for people. Never a secret.</summary>
    string Place { get; }

    /// <summary>The longest blob it takes.</summary>
    long MaxBytes { get; }

    /// <summary>Checks that it can be used, once, at the host's start.</summary>
    /// <param name="storeId">Names the store whose uploads these are: blobs of another one are neither seen nor deleted.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="StoreException">It cannot; says what to do.</exception>
    ValueTask OpenAsync(string storeId, CancellationToken cancel);

    /// <summary>Makes an empty blob.</summary>
    /// <returns>What it wants to be told whenever it is asked about this one, at most 2,000 characters; null nothing.</returns>
    ValueTask<string?> CreateAsync(string id, CancellationToken cancel);

    /// <summary>Opens a blob for writing on at an offset that was durable once. What was written beyond it is discarded.</summary>
    /// <exception cref="StoreException">Somebody else writes it (transient), or bytes below the offset are missing.</exception>
    ValueTask<BlobWriter> AppendAsync(BlobName blob, long offset, CancellationToken cancel);

    /// <summary>Makes a blob whole: durable and readable. Does nothing when it is already.</summary>
    ValueTask CompleteAsync(BlobName blob, long length, CancellationToken cancel);

    /// <summary>Opens a whole blob for reading.</summary>
    /// <exception cref="StoreException">It is not there.</exception>
    ValueTask<Stream> ReadAsync(string id, long from, CancellationToken cancel);

    /// <summary>Deletes whatever there is of it. Does nothing when there is nothing.</summary>
    ValueTask DeleteAsync(BlobName blob, CancellationToken cancel);

    /// <summary>Everything there is, whole or not, and when it was last changed.</summary>
    IAsyncEnumerable<(string Id, DateTimeOffset ChangedAt)> ListAsync(CancellationToken cancel);
}

/// <summary>A blob, to the store that made it.</summary>
/// <param name="Id">The upload's id.</param>
/// <param name="Note">What <see cref="IBlobStore.CreateAsync"/> returned; null when it returned nothing, or was never heard.</param>
public readonly record struct BlobName(string Id, string? Note = null);

/// <summary>Writes on at the end of a blob. Disposed without a sync, it may forget what came since the last one.</summary>
public abstract class BlobWriter : IAsyncDisposable
{
    /// <summary>Takes bytes. They are durable only after a sync.</summary>
    public abstract ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel);

    /// <summary>Makes durable what can be made so cheaply, in the middle of an upload.</summary>
    /// <returns>How many bytes of the blob are durable now.</returns>
    public abstract ValueTask<long> CheckpointAsync(CancellationToken cancel);

    /// <summary>Makes everything durable that was written.</summary>
    /// <returns>How many bytes of the blob are durable now: all.</returns>
    public abstract ValueTask<long> SyncAsync(CancellationToken cancel);

    /// <summary>Lets the blob go.</summary>
    public abstract ValueTask DisposeAsync();
}
