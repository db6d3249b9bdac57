using System.Buffers;
using System.Data.Common;
using System.Security.Cryptography;
using Surety.Storage;

namespace Surety.Intake;

/// <summary>
/// An upload's life: begun, written on, completed. Its row says how far it has come, and the row moves on only after the bytes are durable; its last step and the enqueue of its message are one
/// commit. Knows no protocol.
/// </summary>
internal sealed class Uploads(IUploadStore store, IBlobStore blobs, IQueue queue, Database database, UploadLocks locks) : IUploads
{
    /// <summary>How much may be on its way without being durable: what a crash costs a client at most.</summary>
    public const int CheckpointBytes = 8 << 20;

    /// <summary>How long one that ended is remembered, so that its client is told what became of it.</summary>
    public static readonly TimeSpan RememberEnded = TimeSpan.FromDays(1);

    private const int BufferBytes = 1 << 16;

    public UploadLocks Locks => locks;

    public IBlobStore Blobs => blobs;

    public async ValueTask<Upload?> FindAsync(string id, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        return await LookAsync(id, cancel) is { State: UploadState.Complete } upload ? View(upload, upload.Sha256) : null;
    }

    public async ValueTask<Stream> OpenAsync(string id, long from = 0, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        return await LookAsync(id, cancel) is { State: UploadState.Complete }
            ? await blobs.ReadAsync(id, from, cancel)
            : throw new RejectException($"There is no finished upload {(id.Length <= 60 ? id : id[..60])}, or its content is deleted already.");
    }

    /// <summary>Null when its owner has too many unfinished ones.</summary>
    public async Task<UploadRecord?> BeginAsync(NewUpload upload, TimeSpan expireAfter, int mostOpen, CancellationToken cancel)
    {
        if (!StoredText.IsStorable(upload.Owner) || upload.Metadata.Any(m => !StoredText.IsStorable(m.Key) || !StoredText.IsStorable(m.Value)))
            throw new ArgumentException($"The upload's owner or metadata {StoredText.Fault}.", nameof(upload));
        // The row first: whatever the blob store makes then has somebody who looks after it.
        if (await store.AddAsync(upload, expireAfter, mostOpen, cancel) is not { } added) return null;
        if (await blobs.CreateAsync(upload.Id, cancel) is not { } note) return added;
        await store.NoteBlobAsync(upload.Id, note, cancel);
        return added with { Blob = note };
    }

    public ValueTask<UploadRecord?> LookAsync(string id, CancellationToken cancel) => StoredText.IsStorable(id) ? store.FindAsync(id, cancel) : default;

    public ValueTask<bool> SetLengthAsync(string id, long length, CancellationToken cancel) => store.SetLengthAsync(id, length, cancel);

    /// <summary>Writes on with what the stream gives, until it ends, breaks, or gives more than there is room for. Whatever came before that is kept, unless it has to match a checksum.</summary>
    /// <param name="upload">As it was found.</param>
    /// <param name="body">The bytes.</param>
    /// <param name="room">How many may come.</param>
    /// <param name="checksum">What they have to match; null nothing.</param>
    /// <param name="cancel">Ends the reading as if the stream had broken.</param>
    public async Task<Written> WriteAsync(UploadRecord upload, Stream body, long room, Checksum? checksum, CancellationToken cancel)
    {
        await using var blob = await blobs.AppendAsync(new BlobName(upload.Id, upload.Blob), upload.Offset, CancellationToken.None);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            long written = upload.Offset, noted = upload.Offset;
            Exception? broken = null;
            var tooLong = false;
            while (true)
            {
                int read;
                try
                {
                    read = await body.ReadAsync(buffer, cancel);
                }
                catch (Exception e)
                {
                    broken = e;
                    break;
                }

                if (read == 0) break;
                if (written - upload.Offset + read > room)
                {
                    tooLong = true;
                    break;
                }

                checksum?.Add(buffer.AsSpan(0, read));
                // Not with the client's token: what it has sent before it left is kept.
                await blob.WriteAsync(buffer.AsMemory(0, read), CancellationToken.None);
                written += read;
                Failpoint.Pass(Failpoint.UploadWritten);
                if (checksum is not null || written - noted < CheckpointBytes) continue;
                var durable = await blob.CheckpointAsync(CancellationToken.None);
                if (!await NoteAsync(upload.Id, noted, durable)) return new Written(noted, Lost: true);
                noted = durable;
            }

            // A part of a chunk, and one that is not what was announced, cannot be told from noise.
            if (checksum is not null && (broken is not null || tooLong || !checksum.Matches())) return new Written(noted, broken, tooLong, Mismatch: broken is null && !tooLong);
            if (written > noted)
            {
                var durable = await blob.SyncAsync(CancellationToken.None);
                if (!await NoteAsync(upload.Id, noted, durable)) return new Written(noted, broken, tooLong, Lost: true);
                noted = durable;
            }

            return new Written(noted, broken, tooLong);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Completes an upload of which all is there, and enqueues its message in the same commit.</summary>
    /// <param name="upload">As it was found.</param>
    /// <param name="sha256">The digest its client announced, in hexadecimal digits; null none.</param>
    /// <param name="message">Makes the message.</param>
    /// <param name="allowed">Whether the caller may still do this: an upload takes long enough for that to change.</param>
    /// <param name="once">Makes another upload of the same request a repeat of this one; null nothing does.</param>
    /// <param name="cancel">Gives up before the commit is sent.</param>
    public async Task<Completion> CompleteAsync(
        UploadRecord upload, string? sha256, Func<Upload, Envelope> message, Func<Task<bool>> allowed, IOnce? once, CancellationToken cancel)
    {
        await blobs.CompleteAsync(new BlobName(upload.Id, upload.Blob), upload.Offset, cancel);
        Failpoint.Pass(Failpoint.UploadStored);
        // Of what is stored, read back: not of what passed by.
        var digest = await DigestAsync(upload.Id, cancel);
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
        Failpoint.Pass(Failpoint.UploadCommitted);
        return new Completion(CompletionKind.Complete, upload with { State = UploadState.Complete, Message = enqueued.Id, Sha256 = digest });
    }

    /// <summary>Takes an unfinished upload back. False when it is not open any more.</summary>
    public async Task<bool> DeleteAsync(UploadRecord upload, CancellationToken cancel)
    {
        // The row first: nobody may write on, or complete it, from then on. Should this process die here, the sweep deletes the bytes.
        if (!await store.EndAsync(upload.Id, UploadState.Open, UploadState.Deleted, RememberEnded, cancel)) return false;
        await blobs.DeleteAsync(new BlobName(upload.Id, upload.Blob), cancel);
        return true;
    }

    private async Task<byte[]> DigestAsync(string id, CancellationToken cancel)
    {
        await using var content = await blobs.ReadAsync(id, 0, cancel);
        try
        {
            return await SHA256.HashDataAsync(content, cancel);
        }
        catch (IOException e)
        {
            throw new StoreException($"{blobs.Place} broke off while a finished upload was read back. Ask with HEAD to try again.", isTransient: true, innerException: e);
        }
    }

    private async Task<bool> NoteAsync(string id, long from, long to)
    {
        Failpoint.Pass(Failpoint.UploadSynced);
        if (from != to && !await store.AdvanceAsync(id, from, to, CancellationToken.None)) return false;
        Failpoint.Pass(Failpoint.UploadNoted);
        return true;
    }

    private static Upload View(UploadRecord upload, ReadOnlyMemory<byte> digest) => new(
        upload.Id, upload.Owner.Length == 0 ? null : upload.Owner, upload.Offset, Convert.ToHexStringLower(digest.Span), upload.Metadata.GetValueOrDefault("filename"),
        upload.Metadata.GetValueOrDefault("filetype"), upload.Metadata, upload.CreatedAt);
}

/// <summary>How far writing came.</summary>
/// <param name="Offset">What is durable.</param>
/// <param name="Broken">Why the stream ended too soon; null when it did not.</param>
/// <param name="TooLong">More came than there was room for; nothing of the rest was read.</param>
/// <param name="Mismatch">It was not what the checksum says, and is discarded.</param>
/// <param name="Lost">The upload ended, expired, or was written on by somebody else meanwhile.</param>
internal readonly record struct Written(long Offset, Exception? Broken = null, bool TooLong = false, bool Mismatch = false, bool Lost = false);

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
