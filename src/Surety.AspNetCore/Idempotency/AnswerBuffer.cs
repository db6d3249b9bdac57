using Surety.AspNetCore.Problems;




namespace Surety.AspNetCore.Idempotency;

/// <summary>Holds an answer back until its effect is committed; refuses to grow beyond what may be stored.</summary>
internal sealed class AnswerBuffer(int limit) : MemoryStream
{
    public ReadOnlyMemory<byte> Written => GetBuffer().AsMemory(0, (int)Length);

    public override void Write(byte[] buffer, int offset, int count)
    {
        Check(count);
        base.Write(buffer, offset, count);
    }

    // The base class would copy a span through a rented array before it gets to the other overload.
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        Check(buffer.Length);
        var start = (int)Position;
        SetLength(start + buffer.Length);
        buffer.CopyTo(GetBuffer().AsSpan(start));
        Position = start + buffer.Length;
    }

    public override void WriteByte(byte value)
    {
        Check(1);
        base.WriteByte(value);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Write(buffer, offset, count);
        return Task.CompletedTask;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    private void Check(int more)
    {
        if (Position + more > limit) throw new AnswerTooLargeException(limit);
    }
}
