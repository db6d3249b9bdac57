namespace Surety.Intake;

/// <summary>
/// Pieces that lie in different places, read as one. A piece is opened when it is come to; what it gives beyond its bytes is not read.
/// </summary>
/// <param name="length">Of all together.</param>
/// <param name="open">Opens the piece that holds a byte, at that byte, and says how many of its bytes count from there.</param>
internal sealed class ChainedStream(long length, Func<long, CancellationToken, ValueTask<(Stream Piece, long Count)>> open) : Stream
{
    private Stream? piece;
    private long left;
    private long position;

    /// <summary>One whose first piece is open: what is missing shows here, and not at the first read.</summary>
    public static async ValueTask<ChainedStream> OpenAsync(
        long length, long from, Func<long, CancellationToken, ValueTask<(Stream Piece, long Count)>> open, CancellationToken cancel)
    {
        var stream = new ChainedStream(length, open) { position = from };
        if (from < length) (stream.piece, stream.left) = await open(from, cancel);
        return stream;
    }

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => position;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            if (value == position) return;
            piece?.Dispose();
            (piece, position) = (null, value);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.Length == 0 || position >= length) return 0;
        if (piece is null) (piece, left) = await open(position, cancellationToken);
        return Count(await piece.ReadAsync(buffer[..(int)Math.Min(buffer.Length, left)], cancellationToken));
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(Span<byte> buffer)
    {
        if (buffer.Length == 0 || position >= length) return 0;
        if (piece is null) (piece, left) = open(position, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        return Count(piece.Read(buffer[..(int)Math.Min(buffer.Length, left)]));
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override long Seek(long offset, SeekOrigin origin) =>
        Position = offset + origin switch { SeekOrigin.Current => position, SeekOrigin.End => length, _ => 0 };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) piece?.Dispose();
        base.Dispose(disposing);
    }

    private int Count(int read)
    {
        if (read == 0) throw new EndOfStreamException($"The content of an upload ends at byte {position} of {length}.");
        position += read;
        left -= read;
        if (left > 0) return read;
        piece!.Dispose();
        piece = null;
        return read;
    }
}
