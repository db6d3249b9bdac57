using System.Buffers;
using System.Data.Common;
using System.Security.Cryptography;
using Surety.Storage;

namespace Surety.Intake;

/// <summary>
/// An upload's life: begun, written on, completed. Its row says how far it has come, and the row moves on only after the bytes are durable;
/// its last step and the enqueue of its message are one commit. A writer takes a number in the row first. Every later step counts only
/// under the newest number, and bytes count only where a step has recorded them, so a request that was frozen for any time changes nothing
/// when it wakes up. Knows no protocol.
/// </summary>
internal sealed class UploadIntake(
    IUploadStore store, IBlobStore blobs, IQueue queue, Database database, UploadLocks locks, Failpoints failpoints) : IUploads
{
    /// <summary>How much may be on its way without being durable: what a crash costs a client at most.</summary>
    public const int CheckpointBytes = 8 << 20;

    /// <summary>How long one that ended is remembered, so that its client is told what became of it.</summary>
    public static readonly TimeSpan RememberEnded = TimeSpan.FromDays(1);

    private const int BufferBytes = 1 << 16;

    public UploadLocks Locks => locks;

    public IBlobStore Blobs => blobs;

    public async ValueTask<Upload?> FindAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        return await LookAsync(id, cancellationToken) is { IsReadable: true } upload ? View(upload, upload.Sha256) : null;
    }

    public async ValueTask<Stream> OpenAsync(string id, long from = 0, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        return await LookAsync(id, cancellationToken) is { IsReadable: true } upload
            ? await ReadAsync(upload, from, cancellationToken)
            : throw new RejectException(
                $"There is no finished upload {(id.Length <= 60 ? id : id[..60])}, or its content is deleted already.");
    }

    /// <summary>Null when its owner has too many unfinished ones.</summary>
    public ValueTask<UploadRecord?> BeginAsync(NewUpload upload, TimeSpan expireAfter, int mostOpen, CancellationToken cancel)
    {
        if (upload.Owner.Length > StoredText.LongestOwner)
            throw new ArgumentException($"The upload's owner has more than {StoredText.LongestOwner} characters.", nameof(upload));
        if (!StoredText.IsStorable(upload.Owner)
            || upload.Metadata.Any(m => !StoredText.IsStorable(m.Key) || !StoredText.IsStorable(m.Value)))
            throw new ArgumentException($"The upload's owner or metadata {StoredText.Fault}.", nameof(upload));
        return store.AddAsync(upload, expireAfter, mostOpen, cancel);
    }

    public ValueTask<UploadRecord?> LookAsync(string id, CancellationToken cancel) =>
        StoredText.IsStorable(id) ? store.FindAsync(id, cancel) : default;

    /// <summary>
    /// Finds it, and makes the caller its writer when it is open, at this offset, and of this route and owner; then it has a number.
    /// </summary>
    public ValueTask<UploadRecord?> TakeAsync(string id, string route, string owner, long offset, CancellationToken cancel) =>
        StoredText.IsStorable(id) ? store.TakeAsync(id, route, owner, offset, cancel) : default;

    public ValueTask<bool> SetLengthAsync(UploadRecord upload, long length, CancellationToken cancel) =>
        store.SetLengthAsync(upload.Id, upload.Writer, length, cancel);

    /// <summary>
    /// Writes on with what the stream gives, until it ends, breaks, or gives more than there is room for. Whatever came before that is
    /// kept, unless it has to match a checksum.
    /// </summary>
    /// <param name="upload">As it was taken.</param>
    /// <param name="body">The bytes.</param>
    /// <param name="room">How many may come.</param>
    /// <param name="checksum">What they have to match; null nothing.</param>
    /// <param name="cancel">Ends the reading as if the stream had broken.</param>
    public async Task<Written> WriteAsync(UploadRecord upload, Stream body, long room, Checksum? checksum, CancellationToken cancel)
    {
        if (upload.Writer == 0) throw new InvalidOperationException($"Upload {upload.Id} was not taken for writing.");
        await using var writing = new UploadWriting(store, blobs, failpoints, upload);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            return await writing.RunAsync(body, buffer, room, checksum, cancel);
        }
        catch (StoreException e) when (!e.InDoubt)
        {
            // The blob store fails where the upload's bytes were deleted: then the upload has ended, and that is the answer.
            if (await writing.IsOpenAsync()) throw;
            return new Written(writing.Noted, Lost: true);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Completes an upload of which all is there, and enqueues its message in the same commit.</summary>
    /// <param name="upload">As it was found, or written.</param>
    /// <param name="sha256">The digest its client announced, in hexadecimal digits; null none.</param>
    /// <param name="message">Makes the message.</param>
    /// <param name="allowed">Whether the caller may still do this: an upload takes long enough for that to change.</param>
    /// <param name="once">Makes another upload of the same request a repeat of this one; null nothing does.</param>
    /// <param name="cancel">Gives up before the commit is sent.</param>
    public async Task<Completion> CompleteAsync(
        UploadRecord upload, string? sha256, Func<Upload, Envelope> message, Func<Task<bool>> allowed, IOnce? once,
        CancellationToken cancel)
    {
        failpoints.Pass(Failpoint.UploadStored);
        // Of what is stored, read back: not of what passed by. Nobody changes it any more, and there is nothing to rename: which bytes are
        // the content, the row says already.
        if (await DigestAsync(upload, cancel) is not { } digest) return new Completion(CompletionKind.Lost, upload);
        if (sha256 is not null && !string.Equals(sha256, Convert.ToHexStringLower(digest), StringComparison.OrdinalIgnoreCase))
        {
            await DeleteAsync(upload, cancel);
            return new Completion(CompletionKind.OtherContent, upload);
        }

        if (!await allowed()) return new Completion(CompletionKind.NotAllowed, upload);
        await using var work = await database.BeginAsync(cancel);
        if (once is not null && !await once.TakeAsync(work.Transaction, digest, cancel))
        {
            // Committed, so that what was found is durable before anybody repeats it.
            await work.CommitAsync();
            await DeleteAsync(upload, cancel);
            return new Completion(CompletionKind.Repeated, upload);
        }

        var enqueued = (await queue.EnqueueAsync([message(View(upload, digest))], work.Transaction, cancel))[0];
        if (once is not null) await once.AnswerAsync(work.Transaction, enqueued.Id, cancel);
        if (!await store.CompleteAsync(upload.Id, digest, enqueued.Id, work.Transaction, cancel))
        {
            await work.RollbackAsync();
            return new Completion(CompletionKind.Lost, upload);
        }

        await work.CommitAsync();
        failpoints.Pass(Failpoint.UploadCommitted);
        return new Completion(
            CompletionKind.Complete, upload with { State = UploadState.Complete, Message = enqueued.Id, Sha256 = digest });
    }

    /// <summary>Takes an unfinished upload back. False when it is not open any more.</summary>
    public async Task<bool> DeleteAsync(UploadRecord upload, CancellationToken cancel)
    {
        // The row first: nobody may write on, or complete it, from then on. Should this process die here, the sweep deletes the bytes.
        if (!await store.EndAsync(upload.Id, UploadState.Open, UploadState.Deleted, RememberEnded, cancel)) return false;
        await blobs.DeleteAsync(upload.Id, cancel);
        return true;
    }

    /// <summary>Null when somebody else ended it meanwhile, and deleted what was to be read.</summary>
    private async Task<byte[]?> DigestAsync(UploadRecord upload, CancellationToken cancel)
    {
        try
        {
            await using var content = await ReadAsync(upload, 0, cancel);
            return await SHA256.HashDataAsync(content, cancel);
        }
        catch (Exception e) when (e is StoreException or IOException)
        {
            if (await store.FindAsync(upload.Id, cancel) is not { State: UploadState.Open }) return null;
            if (e is StoreException) throw;
            throw new StoreException(
                $"{blobs.Place} broke off while a finished upload was read back. Ask with HEAD to try again.",
                isTransient: true,
                innerException: e);
        }
    }

    private async Task<Stream> ReadAsync(UploadRecord upload, long from, CancellationToken cancel)
    {
        var segments = UploadSegments.Of(upload);
        return await ChainedStream.OpenAsync(upload.Offset, from, OpenAsync, cancel);

        async ValueTask<(Stream, long)> OpenAsync(long position, CancellationToken stop)
        {
            var (segment, offset) = segments.At(position);
            return (await blobs.ReadAsync(segment, offset, stop), segment.Length - offset);
        }
    }

    private static Upload View(UploadRecord upload, ReadOnlyMemory<byte> digest) => new(
        upload.Id, upload.Owner.Length == 0 ? null : upload.Owner, upload.Offset, Convert.ToHexStringLower(digest.Span),
        upload.Metadata.GetValueOrDefault("filename"),
        upload.Metadata.GetValueOrDefault("filetype"), upload.Metadata, upload.CreatedAt);
}

/// <summary>How far writing came.</summary>
/// <param name="Upload">With the bytes that are durable.</param>
/// <param name="Broken">Why the stream ended too soon; null when it did not.</param>
/// <param name="TooLong">More came than there was room for; nothing of the rest was read.</param>
/// <param name="Mismatch">It was not what the checksum says, and is discarded.</param>
/// <param name="Lost">The upload ended, expired, or was taken by somebody else meanwhile.</param>
internal readonly record struct Written(
    UploadRecord Upload, Exception? Broken = null, bool TooLong = false, bool Mismatch = false, bool Lost = false)
{
    public long Offset => Upload.Offset;
}

/// <summary>How completing ended.</summary>
internal readonly record struct Completion(CompletionKind Kind, UploadRecord Upload);

internal enum CompletionKind
{
    /// <summary>The message is enqueued.</summary>
    Complete,

    /// <summary>Its request was answered before, and this upload is deleted.</summary>
    Repeated,

    /// <summary>It is not what its client announced, and is deleted.</summary>
    OtherContent,

    /// <summary>Its client may not do this any more.</summary>
    NotAllowed,

    /// <summary>Somebody else completed or ended it meanwhile.</summary>
    Lost,
}

/// <summary>A request's key, taken and answered in the completing commit.</summary>
internal interface IOnce
{
    /// <summary>False when it was taken before.</summary>
    Task<bool> TakeAsync(DbTransaction transaction, ReadOnlyMemory<byte> sha256, CancellationToken cancel);

    Task AnswerAsync(DbTransaction transaction, MessageId message, CancellationToken cancel);
}

/// <summary>What a chunk has to match.</summary>
internal sealed class Checksum(HashAlgorithmName algorithm, byte[] expected) : IDisposable
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(algorithm);

    public void Add(ReadOnlySpan<byte> bytes) => hash.AppendData(bytes);

    public bool Matches() => CryptographicOperations.FixedTimeEquals(hash.GetHashAndReset(), expected);

    public void Dispose() => hash.Dispose();
}
