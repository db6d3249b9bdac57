using System.Globalization;
using Surety.Storage;

namespace Surety.S3;

/// <summary>Which objects the bytes of a segment are in. Pure.</summary>
/// <param name="PartBytes">The size of a part, from the segment's beginning to its end.</param>
/// <param name="TailBefore">Where the tail ended that the newest writer began from; 0 when there was none. Nobody needs that tail any
/// more.</param>
internal readonly record struct S3Layout(int PartBytes, long TailBefore)
{
    /// <summary>As the segment's note says: the options may have changed since.</summary>
    public static S3Layout Of(BlobSegment segment, int partBytes)
    {
        var words = (segment.Note ?? "").Split(' ');
        return words.Length == 2 && int.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) && bytes > 0
            && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var before)
            ? new(bytes, before)
            : new(partBytes, 0);
    }

    public string Note => string.Create(CultureInfo.InvariantCulture, $"{PartBytes} {TailBefore}");

    /// <summary>A full part, by its first byte.</summary>
    public static string Part(long begin) => begin.ToString(CultureInfo.InvariantCulture);

    /// <summary>The object of what does not fill a part, in a segment that ends there; null when all parts are full.</summary>
    public string? TailOf(long length) =>
        length % PartBytes == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{length - (length % PartBytes)}-{length}");

    /// <summary>The object that holds a byte, and the bytes it has.</summary>
    public (string Name, long Begin, long End) At(long position, long length)
    {
        var begin = position - (position % PartBytes);
        return begin + PartBytes <= length ? (Part(begin), begin, begin + PartBytes) : (TailOf(length)!, begin, length);
    }

    /// <summary>Whether a segment of this length has an object of this name.</summary>
    public bool Has(string name, long length) =>
        name == TailOf(length)
        || (long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var begin)
            && begin % PartBytes == 0 && begin + PartBytes <= length);
}
