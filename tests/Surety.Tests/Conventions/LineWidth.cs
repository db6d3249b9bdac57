using System.Text.RegularExpressions;

namespace Surety.Tests.Conventions;

/// <summary>No line has more than 140 columns, so that two files fit side by side.</summary>
internal static partial class LineWidth
{
    public const int Most = 140;

    // Not counted in a page, each for its reason.
    private static readonly (Func<PageLine, bool> Is, string Reason)[] FreeInPages =
    [
        (l => l.Text.StartsWith('|'), "a row of a table is one line"),
        (l => l.Block is not (null or "csharp" or "sql"), "a block shows what a terminal shows or takes, as it is"),
    ];

    /// <summary>The lines of the text that are too long, each with its number.</summary>
    public static IEnumerable<string> Faults(string path, string text) =>
        from line in path.EndsWith(".md", StringComparison.Ordinal) ? OfPage(text) : Numbered(text)
        where line.Text.Length > Most
        select $"{path}:{line.Number} has {line.Text.Length} columns";

    private static IEnumerable<(int Number, string Text)> Numbered(string text) => text.Split('\n').Select((line, i) => (i + 1, line));

    private static IEnumerable<(int Number, string Text)> OfPage(string text)
    {
        string? block = null;
        foreach (var (number, line) in Numbered(text))
        {
            if (line.TrimStart().StartsWith("```", StringComparison.Ordinal)) block = block is null ? line.Trim()[3..] : null;
            // A link's address has no place to break at, and nobody reads it.
            else if (!FreeInPages.Any(free => free.Is(new PageLine(block, line)))) yield return (number, Address().Replace(line, "]"));
        }
    }

    [GeneratedRegex(@"\]\([^)\s]+\)")]
    private static partial Regex Address();

    /// <param name="Block">The language of the block of code around the line; null in prose.</param>
    /// <param name="Text">The line.</param>
    private sealed record PageLine(string? Block, string Text);
}
