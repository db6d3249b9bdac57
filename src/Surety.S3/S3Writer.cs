using System.Buffers;
using Surety.Storage;

namespace Surety.S3;

/// <summary>Fills parts one after the other, in memory, and sends each when it is full.</summary>
internal sealed class S3Writer(S3Blobs blobs, BlobSegment segment, S3Layout layout) : BlobWriter
{
    private byte[]? part = ArrayPool<byte>.Shared.Rent(layout.PartBytes);
    private long begin = segment.Length - (segment.Length % layout.PartBytes);
    private int filled = (int)(segment.Length % layout.PartBytes);
    private long durable = segment.Length;

    public override string Note => (layout with { TailBefore = segment.Length }).Note;

    /// <summary>What the part has already that it goes on in.</summary>
    public async Task LoadAsync(Stream tail, long length, CancellationToken cancel)
    {
        await using (tail) await tail.ReadExactlyAsync(part.AsMemory(0, (int)(length % layout.PartBytes)), cancel);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(part is null, this);
        while (bytes.Length > 0)
        {
            var taken = Math.Min(bytes.Length, layout.PartBytes - filled);
            bytes[..taken].CopyTo(part.AsMemory(filled));
            filled += taken;
            bytes = bytes[taken..];
            if (filled < layout.PartBytes) continue;
            using var content = new MemoryStream(part, 0, filled, writable: false);
            await blobs.PutAsync(segment, S3Layout.Part(begin), content, cancellationToken);
            (begin, filled) = (begin + layout.PartBytes, 0);
            durable = begin;
        }
    }

    /// <summary>Parts that were sent are durable; what does not fill one waits for the end.</summary>
    public override ValueTask<long> CheckpointAsync(CancellationToken cancellationToken) => new(durable);

    public override async ValueTask<long> CloseAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(part is null, this);
        var end = begin + filled;
        if (end > durable)
        {
            using var content = new MemoryStream(part, 0, filled, writable: false);
            await blobs.PutAsync(segment, layout.TailOf(end)!, content, cancellationToken);
            durable = end;
        }

        await DisposeAsync();
        return durable;
    }

    public override ValueTask DisposeAsync()
    {
        if (part is not null) ArrayPool<byte>.Shared.Return(part);
        part = null;
        return default;
    }
}
