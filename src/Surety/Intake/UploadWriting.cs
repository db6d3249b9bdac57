using Surety.Storage;

namespace Surety.Intake;

/// <summary>
/// One writer's bytes on their way into an upload: read, stored, made durable, noted in the row. The row moves on only after the bytes are
/// durable.
/// </summary>
internal sealed class UploadWriting : IAsyncDisposable
{
    private readonly IUploadStore store;
    private readonly IBlobStore blobs;
    private readonly Failpoints failpoints;
    private readonly UploadRecord upload;
    private readonly UploadSegments segments;
    private readonly BlobSegment segment;
    private long written;
    private BlobWriter? blob;

    public UploadWriting(IUploadStore store, IBlobStore blobs, Failpoints failpoints, UploadRecord upload)
    {
        (this.store, this.blobs, this.failpoints, this.upload) = (store, blobs, failpoints, upload);
        segments = UploadSegments.Of(upload);
        segment = segments.Next(upload);
        (Noted, written) = (upload, upload.Offset);
    }

    /// <summary>The upload as its row says.</summary>
    public UploadRecord Noted { get; private set; }

    public async Task<Written> RunAsync(Stream body, Memory<byte> buffer, long room, Checksum? checksum, CancellationToken cancel)
    {
        while (true)
        {
            var (read, broken) = await ReadAsync(body, buffer, cancel);
            var tooLong = written - upload.Offset + read > room;
            if (read == 0 || tooLong) return await EndAsync(checksum, broken, tooLong);
            checksum?.Add(buffer.Span[..read]);
            await StoreAsync(buffer[..read]);
            if (checksum is not null || written - Noted.Offset < UploadIntake.CheckpointBytes) continue;
            if (!await NoteAsync(await blob!.CheckpointAsync(CancellationToken.None), isLast: false)) return new Written(Noted, Lost: true);
        }
    }

    /// <summary>Whether the upload is open, and this its writer, still.</summary>
    public ValueTask<bool> IsOpenAsync() => AdvanceAsync(Noted.Offset, Noted.Blob, isLast: false);

    public async ValueTask DisposeAsync()
    {
        if (blob is not null) await blob.DisposeAsync();
    }

    private static async ValueTask<(int Read, Exception? Broken)> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancel)
    {
        try
        {
            return (await body.ReadAsync(buffer, cancel), null);
        }
        catch (Exception e)
        {
            return (0, e);
        }
    }

    private async Task StoreAsync(ReadOnlyMemory<byte> bytes)
    {
        // With the first bytes, not before: a request that brings none leaves no file.
        blob ??= await OpenAsync();
        // Not with the client's token: what it has sent before it left is kept.
        await blob.WriteAsync(bytes, CancellationToken.None);
        written += bytes.Length;
        failpoints.Pass(Failpoint.UploadWritten);
    }

    private async Task<BlobWriter> OpenAsync()
    {
        // What is below this number and not in the row never will be.
        if (segment.Number == upload.Writer && !upload.IsHandedOver)
            await blobs.TidyAsync(upload.Id, segments.All, upload.Writer, CancellationToken.None);
        return await blobs.AppendAsync(segment, CancellationToken.None);
    }

    private async Task<Written> EndAsync(Checksum? checksum, Exception? broken, bool tooLong)
    {
        // A part of a chunk, and one that is not what was announced, cannot be told from noise. The segment stays open in the row, so the
        // next writer begins one of its own.
        var isCut = broken is not null || tooLong;
        if (checksum is not null && (isCut || !checksum.Matches())) return new Written(Noted, broken, tooLong, Mismatch: !isCut);
        var isLost = !await LetGoAsync();
        return new Written(Noted, broken, tooLong, Lost: isLost);
    }

    /// <summary>False when the upload ended, expired, or was taken by somebody else.</summary>
    private async Task<bool> LetGoAsync()
    {
        if (blob is not null) return await NoteAsync(await blob.CloseAsync(CancellationToken.None), isLast: true);
        // One that brought nothing hands over what was handed over to it: or each that breaks before its first byte would cost a file.
        return !upload.IsHandedOver || await AdvanceAsync(Noted.Offset, Noted.Blob, isLast: true);
    }

    /// <summary>False when the upload ended, expired, or was taken by somebody else.</summary>
    private async Task<bool> NoteAsync(long durable, bool isLast)
    {
        failpoints.Pass(Failpoint.UploadSynced);
        // Where the segment begins: the blob store counts from there.
        var to = upload.Offset - segment.Length + durable;
        if (to == Noted.Offset && !isLast) return true;
        var text = segments.With(segment with { Length = durable, Note = blob!.Note }).Text;
        if (!await AdvanceAsync(to, text, isLast)) return false;
        Noted = Noted with { Offset = to, Blob = text };
        failpoints.Pass(Failpoint.UploadNoted);
        return true;
    }

    private ValueTask<bool> AdvanceAsync(long to, string? text, bool isLast) =>
        store.AdvanceAsync(upload.Id, new UploadStep(upload.Writer, Noted.Offset, to, text, isLast), CancellationToken.None);
}
