using System.Globalization;
using System.Text;
using Surety.Storage;

namespace Surety.Intake;

/// <summary>
/// Of which segments an upload's bytes consist, in their order: what the upload's row says of them, a line each (number, length, the blob
/// store's note). Pure.
/// </summary>
internal sealed class UploadSegments
{
    /// <summary>
    /// How often an upload may be taken over from a writer that did not say that it was done. Each time costs a segment and some bytes of
    /// the row.
    /// </summary>
    public const int Most = 1_000;

    private readonly string id;
    private readonly BlobSegment[] all;

    private UploadSegments(string id, BlobSegment[] all) => (this.id, this.all) = (id, all);

    public IReadOnlyList<BlobSegment> All => all;

    public static UploadSegments Of(UploadRecord upload)
    {
        if (upload.Offset == 0 && upload.Blob is null) return new(upload.Id, []);
        // What a version before this one wrote is one file, or one object, whatever its note.
        if (Read(upload) is not { } read) return new(upload.Id, [new BlobSegment(upload.Id, 0, upload.Offset, upload.Blob)]);
        var length = read.Sum(s => s.Length);
        return length == upload.Offset
            ? new(upload.Id, read)
            : throw new StoreException(
                $"The row of an upload says that {upload.Offset} bytes are there, and its segments have {length}: it was "
                    + "changed by hand. The "
                + "upload cannot go on.");
    }

    /// <summary>
    /// Where the upload's writer has to write: on in the last segment when nobody else can be writing there, else in one of its own.
    /// </summary>
    public BlobSegment Next(UploadRecord upload)
    {
        if (upload.IsHandedOver && all.Length > 0 && all[^1].Number > 0) return all[^1];
        return all.Length < Most
            ? new BlobSegment(id, upload.Writer)
            : throw new StoreException(
                $"An upload was taken over {Most} times from requests that did not end. It cannot go on; begin a new one.");
    }

    /// <summary>These, of which the last was written on, or with one more.</summary>
    public UploadSegments With(BlobSegment written) =>
        new(id, all.Length > 0 && all[^1].Number == written.Number ? [.. all[..^1], written] : [.. all, written]);

    /// <summary>The segment a byte is in, and where in it.</summary>
    public (BlobSegment Segment, long From) At(long position)
    {
        foreach (var segment in all)
        {
            if (position < segment.Length) return (segment, position);
            position -= segment.Length;
        }

        throw new ArgumentOutOfRangeException(nameof(position));
    }

    /// <summary>As the row keeps it; null when there are none.</summary>
    public string? Text
    {
        get
        {
            if (all.Length == 0) return null;
            var text = new StringBuilder();
            foreach (var segment in all)
            {
                if (text.Length > 0) text.Append('\n');
                text.Append(CultureInfo.InvariantCulture, $"{segment.Number} {segment.Length}");
                if (segment.Note is not null) text.Append(' ').Append(segment.Note);
            }

            return text.ToString();
        }
    }

    private static BlobSegment[]? Read(UploadRecord upload)
    {
        if (upload.Blob is null) return null;
        var lines = upload.Blob.Split('\n');
        var read = new BlobSegment[lines.Length];
        for (var i = 0; i < lines.Length; i++)
        {
            var words = lines[i].Split(' ', 3);
            if (words.Length < 2 || !Number(words[0], out var number) || !Number(words[1], out var length)) return null;
            read[i] = new BlobSegment(upload.Id, number, length, words.Length == 3 ? words[2] : null);
        }

        return read;
    }

    private static bool Number(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
