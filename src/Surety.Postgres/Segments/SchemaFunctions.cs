using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Surety.Postgres.Segments.Sql;

namespace Surety.Postgres.Segments;

/// <summary>
/// The functions that run in the schema: the files of the folder Sql, which can be read as they are. They are made anew whenever the schema
/// goes up to a later version, and when they are others than those it has; that waits for nobody who reads the tables. A program of the
/// version before goes on calling them: one whose parameters or answer change gets a new name, and the old one stays for a version.
/// </summary>
internal static class SchemaFunctions
{
    private const string Folder = "Functions/";

    // What stands between these two lines is there for every segment, whose number {segment} stands for.
    private const string Begin = "-- for each segment", End = "-- end";

    private static readonly Lazy<string> Whole = new(Read);

    /// <summary>The statements that make them.</summary>
    public static string Text => Whole.Value;

    /// <summary>Names this text.</summary>
    public static string Digest { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text)).AsSpan(0, 8));

    /// <summary>The text with what is there for every segment, four times. Pure.</summary>
    public static string Expanded(string text)
    {
        var (whole, block) = (new StringBuilder(), (StringBuilder?)null);
        foreach (var line in text.Split('\n'))
        {
            switch (line.Trim())
            {
                case Begin when block is null:
                    block = new StringBuilder();
                    break;
                case End when block is not null:
                    var each = block.ToString();
                    for (var segment = 0; segment < SegmentSql.Segments; segment++)
                        whole.Append(each.Replace("{segment}", segment.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal));
                    block = null;
                    break;
                default:
                    (block ?? whole).Append(line).Append('\n');
                    break;
            }
        }

        return block is null ? whole.ToString() : throw new FormatException($"\"{Begin}\" has no \"{End}\".");
    }

    private static string Read()
    {
        var assembly = typeof(SchemaFunctions).Assembly;
        var files = assembly.GetManifestResourceNames().Where(n => n.StartsWith(Folder, StringComparison.Ordinal));
        return string.Join('\n', files.Order(StringComparer.Ordinal).Select(f => Expanded(Read(assembly, f))));
    }

    private static string Read(Assembly assembly, string file)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(file)!);
        return reader.ReadToEnd();
    }
}
