namespace Surety;

/// <summary>What an upload endpoint takes.</summary>
public sealed class UploadOptions
{
    /// <summary>The largest upload, 1 byte to 5 TiB. Default 1 GiB.</summary>
    public long MaxBytes { get; set; } = 1L << 30;

    /// <summary>
    /// How many unfinished uploads a principal may have at all endpoints together, 1 to 10,000. Default 50. With <see cref="MaxBytes"/> it
    /// bounds what a caller can make the disk hold.
    /// </summary>
    public int MaxOpen { get; set; } = 50;

    /// <summary>
    /// How long an upload may stay unfinished, counted from its beginning, 1 min to 30 days. Default 24 h. Then it answers 410 and its
    /// bytes are deleted.
    /// </summary>
    public TimeSpan ExpireAfter { get; set; } = TimeSpan.FromHours(24);

    /// <summary>
    /// The least number of bytes a second a sending client has to deliver, after 5 s of grace; 1 to 1 GiB. Default 512. A slower one is cut
    /// off with 408 and may go on from where it was. HTTP/1.1 only: over HTTP/2 Kestrel's own limit counts.
    /// </summary>
    public double MinBytesPerSecond { get; set; } = 512;

    /// <summary>
    /// The content types taken, as clients state them, such as <c>text/csv</c>. Default empty: any. A statement is no proof: handlers check
    /// what they read.
    /// </summary>
    public IList<string> ContentTypes { get; } = [];

    internal IEnumerable<string> Faults(long mostStored)
    {
        if (MaxBytes is < 1 or > 5L << 40) yield return $"MaxBytes ({MaxBytes}) must be 1 byte to 5 TiB.";
        if (MaxBytes > mostStored) yield return $"MaxBytes ({MaxBytes}) is more than the blob store takes ({mostStored}).";
        if (MaxOpen is < 1 or > 10_000) yield return $"MaxOpen ({MaxOpen}) must be 1 to 10,000.";
        if (ExpireAfter < TimeSpan.FromMinutes(1) || ExpireAfter > TimeSpan.FromDays(30))
            yield return $"ExpireAfter ({ExpireAfter}) must be 1 min to 30 days.";
        if (!(MinBytesPerSecond >= 1 && MinBytesPerSecond <= 1 << 30))
            yield return $"MinBytesPerSecond ({MinBytesPerSecond}) must be 1 to 1 GiB.";
        foreach (var type in ContentTypes)
        {
            if (!Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(type, out var parsed) || parsed.Parameters.Count > 0)
                yield return $"ContentTypes: \"{type}\" is no media type without parameters.";
        }
    }

    internal bool Takes(string? contentType) =>
        ContentTypes.Count == 0
        || (Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(contentType, out var given)
        && ContentTypes.Any(t => given.MediaType.Equals(t, StringComparison.OrdinalIgnoreCase)));
}
