using System.Text;

namespace Payments;

/// <summary>One line of a file.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Text">Without its end; null when it is too long or no UTF-8.</param>
/// <param name="End">Where the next line begins, in bytes.</param>
public readonly record struct Line(long Number, string? Text, long End)
{
    /// <summary>Nothing to post: the names of the columns, or nothing at all.</summary>
    public bool IsHeader => Text is { Length: 0 } || (Number == 1 && Text == "reference,from,to,amount");
}

/// <summary>
/// Lines out of a stream, in bounded memory whatever is in it, with the byte at which each ends, so that a reader can go on there.
/// </summary>
/// <param name="content">Positioned behind a line's end, or at the beginning.</param>
/// <param name="position">That position.</param>
/// <param name="number">How many lines are before it.</param>
public sealed class LineReader(Stream content, long position, long number)
{
    public const int MostBytes = 1_024;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly byte[] buffer = new byte[1 << 16];
    private long at = position, read = number;
    private int start, filled;
    private bool ended;

    /// <summary>The next lines, at most so many; none at the end.</summary>
    public async Task<IReadOnlyList<Line>> ReadAsync(int most, CancellationToken cancel)
    {
        var lines = new List<Line>(most);
        while (lines.Count < most && await NextAsync(cancel) is { } line) lines.Add(line);
        return lines;
    }

    private async ValueTask<Line?> NextAsync(CancellationToken cancel)
    {
        var tooLong = false;
        while (true)
        {
            var end = buffer.AsSpan(start, filled - start).IndexOf((byte)'\n');
            if (end >= 0) return Take(end, end + 1, tooLong);
            if (ended) return filled > start || tooLong ? Take(filled - start, filled - start, tooLong) : null;
            if (filled - start > MostBytes)
            {
                // Its rest is read past, not kept.
                tooLong = true;
                at += filled - start;
                start = filled = 0;
            }

            buffer.AsSpan(start, filled - start).CopyTo(buffer);
            (start, filled) = (0, filled - start);
            var more = await content.ReadAsync(buffer.AsMemory(filled), cancel);
            ended = more == 0;
            filled += more;
        }
    }

    private Line Take(int length, int withEnd, bool tooLong)
    {
        var bytes = buffer.AsSpan(start, length);
        if (bytes.EndsWith("\r"u8)) bytes = bytes[..^1];
        if (read == 0 && bytes.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
        var text = tooLong || bytes.Length > MostBytes ? null : Read(bytes);
        start += withEnd;
        at += withEnd;
        return new Line(++read, text, at);
    }

    private static string? Read(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
