namespace Surety.Storage;

/// <summary>
/// Keeps the bytes of uploads, in segments. It decides nothing: which segments an upload consists of, and how many bytes of each count, is
/// said by the upload's row in the database, and changes in one commit with the upload's offset.
/// </summary>
/// <remarks>
/// <para>
/// A segment is named by the upload's id and a number, and grows at its end only. It has one writer at a time: a number is given to one
/// writer, and to another one only after the one before has closed it (<see cref="BlobWriter.CloseAsync"/>).
/// </para>
/// <para>
/// A writer that was not closed may still write, at any time: its process was frozen, or its request is still on the way to a server.
/// Nobody waits for it. The next writer gets a segment of its own, and of the old one only the recorded bytes count, now and for ever. So
/// an implementation has to keep three rules: a segment is a place of its own (a file, a prefix of keys) that no writer of another number
/// touches; a writer changes nothing below the length its segment was opened with; and nothing but <see cref="TidyAsync"/> and <see
/// cref="DeleteAsync"/> deletes or shortens anything. It needs no locks.
/// </para>
/// </remarks>
public interface IBlobStore
{
    /// <summary>Names where it keeps them, for people. Never a secret.</summary>
    string Place { get; }

    /// <summary>The longest upload it takes, in bytes.</summary>
    long MaxBytes { get; }

    /// <summary>Checks that it can be used, once, at the host's start.</summary>
    /// <param name="storeId">Names the store whose uploads these are: blobs of another one are neither seen nor deleted.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StoreException">It cannot; says what to do.</exception>
    ValueTask OpenAsync(string storeId, CancellationToken cancellationToken);

    /// <summary>
    /// Opens a segment for writing on behind its length. A length of zero begins a new one. What lies beyond the length counts for nothing
    /// and is written over.
    /// </summary>
    /// <exception cref="StoreException">It cannot be written (transient), or bytes below the length are missing.</exception>
    ValueTask<BlobWriter> AppendAsync(BlobSegment segment, CancellationToken cancellationToken);

    /// <summary>
    /// Opens a segment for reading. The reader stops at the segment's length; the stream may give more than that, and must not give less.
    /// </summary>
    /// <param name="segment">The segment. Number 0 is the whole content of an upload that was completed before there were segments.</param>
    /// <param name="from">The first byte, counted from the segment's beginning; below its length.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StoreException">It is not there, or shorter than its length.</exception>
    ValueTask<Stream> ReadAsync(BlobSegment segment, long from, CancellationToken cancellationToken);

    /// <summary>
    /// Deletes what writers that never closed left behind: all segments of an upload below a number but those that count, and of these what
    /// lies beyond their length.
    /// </summary>
    /// <param name="id">The upload.</param>
    /// <param name="counting">The segments that count, each with its length.</param>
    /// <param name="below">The number of the writer that asks. Segments of this number and above are not touched: there may be newer
    /// writers than this one.</param>
    /// <param name="cancellationToken">Gives up; what is left is found by the next call.</param>
    ValueTask TidyAsync(string id, IReadOnlyList<BlobSegment> counting, long below, CancellationToken cancellationToken);

    /// <summary>
    /// Deletes whatever there is of an upload. Does nothing when there is nothing. Called only after the upload has ended, so that nothing
    /// of it counts any more.
    /// </summary>
    ValueTask DeleteAsync(string id, CancellationToken cancellationToken);

    /// <summary>The id of everything there is, and when it was last changed.</summary>
    IAsyncEnumerable<(string Id, DateTimeOffset ChangedAt)> ListAsync(CancellationToken cancellationToken);
}

/// <summary>A run of an upload's bytes.</summary>
/// <param name="Id">The upload's id: lower-case hexadecimal digits.</param>
/// <param name="Number">The number of the writer that began it; from 1 on, and no two segments of an upload have the same.</param>
/// <param name="Length">How many of its bytes are durable and count.</param>
/// <param name="Note">What the store said of it (<see cref="BlobWriter.Note"/>) when this length was recorded.</param>
public readonly record struct BlobSegment(string Id, long Number, long Length = 0, string? Note = null);

/// <summary>
/// Writes on at the end of a segment. Disposed without having been closed, it may leave bytes behind that count for nothing.
/// </summary>
public abstract class BlobWriter : IAsyncDisposable
{
    /// <summary>
    /// What the store wants to be told whenever this segment is opened or read, at most 500 characters of one line; null nothing. Recorded
    /// with each length.
    /// </summary>
    public virtual string? Note => null;

    /// <summary>Takes bytes. They are durable only after a checkpoint that counts them, or the close.</summary>
    public abstract ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>Makes durable what can be made so cheaply, in the middle of an upload.</summary>
    /// <returns>How many bytes of the segment are durable now.</returns>
    public abstract ValueTask<long> CheckpointAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Makes everything durable that was written, and lets the segment go. When it returns, nothing of this writer is on its way any more:
    /// another writer may go on in the same segment. When it throws, none will.
    /// </summary>
    /// <returns>How many bytes of the segment are durable now: all.</returns>
    public abstract ValueTask<long> CloseAsync(CancellationToken cancellationToken);

    /// <summary>Lets the segment go.</summary>
    public abstract ValueTask DisposeAsync();
}
