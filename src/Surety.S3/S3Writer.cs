using System.Buffers;
using Surety.Storage;

namespace Surety.S3;

/// <summary>Fills parts one after the other, in memory, and sends each when it is full.</summary>
internal sealed class S3Writer(S3Blobs blobs, string id, string upload, long offset) : BlobWriter
{
    private readonly byte[] part = ArrayPool<byte>.Shared.Rent(blobs.PartBytes);
    private int full = (int)(offset / blobs.PartBytes);
    private int filled = (int)(offset % blobs.PartBytes);
    private long durable = offset;

    public async Task LoadTailAsync(CancellationToken cancel)
    {
        if (filled > 0) await blobs.GetTailAsync(id, durable, part.AsMemory(0, filled), cancel);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        while (bytes.Length > 0)
        {
            var taken = Math.Min(bytes.Length, blobs.PartBytes - filled);
            bytes[..taken].CopyTo(part.AsMemory(filled));
            filled += taken;
            bytes = bytes[taken..];
            if (filled < blobs.PartBytes) continue;
            using var content = new MemoryStream(part, 0, filled, writable: false);
            await blobs.UploadPartAsync(id, upload, full + 1, content, cancel);
            (full, filled) = (full + 1, 0);
            durable = (long)full * blobs.PartBytes;
        }
    }

    /// <summary>Parts that were sent are durable; what does not fill one waits for the end.</summary>
    public override ValueTask<long> CheckpointAsync(CancellationToken cancel) => new(durable);

    public override async ValueTask<long> SyncAsync(CancellationToken cancel)
    {
        var end = ((long)full * blobs.PartBytes) + filled;
        if (end == durable) return end;
        using var content = new MemoryStream(part, 0, filled, writable: false);
        await blobs.PutTailAsync(id, end, content, cancel);
        return durable = end;
    }

    public override ValueTask DisposeAsync()
    {
        ArrayPool<byte>.Shared.Return(part);
        return default;
    }
}
