using System.Text.RegularExpressions;

namespace Surety.Tests.Conventions;

/// <summary>The folders of one project of src, from the bottom up: a folder uses those before it, and never one after it.</summary>
/// <param name="Project">Its folder in src, which is also its namespace.</param>
/// <param name="Folders">All of them; "" is the project's own. A folder in a folder is one of its own.</param>
internal sealed partial record FolderOrder(string Project, params string[] Folders)
{
    public static readonly FolderOrder[] All =
    [
        new("Surety", "", "Storage", "Telemetry", "Coordination", "Intake", "Processing", "Operations", "Hosting"),
        new("Surety.Postgres", "", "Sql", "Connections", "Wakeups", "Segments/Sql", "Segments", "Migrations", "Stores", "Hosting"),
        new("Surety.Sqlite", "", "Sql", "Writer", "Connections", "Wakeups", "Migrations", "Stores", "Hosting"),
        new("Surety.S3", ""),
        new("Surety.Cli", "Rigs/Sql", "Rigs", "Chaos", "Storm", "Migrate", ""),
    ];

    /// <summary>What of the given sources uses a folder after its own, or is in a folder without a place.</summary>
    /// <param name="sources">Paths from the project's folder, with <c>/</c>, and texts.</param>
    public IReadOnlyList<string> Faults(IReadOnlyCollection<(string Path, string Text)> sources)
    {
        var read = sources.Select(s => new Source(s.Path, FolderOf(s.Path), Code(s.Text), s.Text)).ToList();
        var faults = read.Where(s => Place(s.Folder) < 0).Select(s => $"{s.Path}: the folder needs its place in the order").ToList();
        faults.AddRange(
            from source in read
            where Place(source.Folder) >= 0
            from later in Folders.Skip(Place(source.Folder) + 1)
            where Names(source, later) || SeesWithoutNaming(source, read.Where(s => s.Folder == later))
            select $"{source.Path} uses {(later.Length == 0 ? "the project's own folder" : later)}");
        return faults;
    }

    /// <summary>Whether the source names the folder's namespace: in a using line, behind an alias, or before a type.</summary>
    private bool Names(Source source, string folder)
    {
        if (folder.Length == 0) return false;
        var names = string.Join('|', NamesFrom(source.Namespace, NamespaceOf(folder)).Select(Regex.Escape));
        // "A.B.C.Type" is in the folder B/C, and says nothing of B.
        var inner = Folders
            .Where(f => f.StartsWith($"{folder}/", StringComparison.Ordinal))
            .Select(f => f[(folder.Length + 1)..].Replace('/', '.'));
        var further = string.Join('|', inner.Append("$never"));
        return Regex.IsMatch(
            source.Code, $@"(?<![\w.])(?:global::)?(?:{names})(?!\s*\.\s*(?:{further})\b)(?:\s*\.\s*[A-Z]|(?<=\busing\b[^;\n]*)\s*;)");
    }

    /// <summary>
    /// Whether the source uses a type that it sees without a using line, because the type is in a namespace around its own: one of a folder
    /// around its own, or one that is public under a shorter namespace than its folder's.
    /// </summary>
    private static bool SeesWithoutNaming(Source source, IEnumerable<Source> others) => others
        .Where(other => $"{source.Namespace}.".StartsWith($"{other.Namespace}.", StringComparison.Ordinal))
        .SelectMany(other => Declaration().Matches(other.Code).Select(m => m.Groups[1].Value))
        .Any(type => Regex.IsMatch(source.Code, $@"(?<![\w.]){type}\b"));

    /// <summary>The whole name, and the shorter ones that do from inside the namespace.</summary>
    private static IEnumerable<string> NamesFrom(string inside, string whole)
    {
        yield return whole;
        for (var around = inside; around.Contains('.', StringComparison.Ordinal); around = around[..around.LastIndexOf('.')])
        {
            if (whole.StartsWith($"{around}.", StringComparison.Ordinal)) yield return whole[(around.Length + 1)..];
        }

        if (whole.StartsWith($"{inside.Split('.')[0]}.", StringComparison.Ordinal)) yield return whole[(inside.Split('.')[0].Length + 1)..];
    }

    private int Place(string folder) => Array.IndexOf(Folders, folder);

    private string NamespaceOf(string folder) => $"{Project}.{folder.Replace('/', '.')}";

    private static string FolderOf(string path) => path.Contains('/', StringComparison.Ordinal) ? path[..path.LastIndexOf('/')] : "";

    /// <summary>The text without its comments and its plain strings.</summary>
    private static string Code(string text) => Comment().Replace(Text().Replace(text, "\"\""), "");

    [GeneratedRegex(@"//[^\n]*|/\*[\s\S]*?\*/")]
    private static partial Regex Comment();

    [GeneratedRegex(@"(?<![$""])""(?:\\.|[^""\\\n])*""(?!"")")]
    private static partial Regex Text();

    [GeneratedRegex(
        @"^\s*(?:(?:public|internal|sealed|static|abstract|readonly|partial|file)\s+)*"
            + @"(?:record\s+struct|record|class|struct|interface|enum)\s+(\w+)",
        RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^namespace\s+([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    private sealed record Source(string Path, string Folder, string Code, string Text)
    {
        /// <summary>A file without one is the program's own, and has none.</summary>
        public string Namespace { get; } = FolderOrder.Namespace().Match(Text) is { Success: true } found ? found.Groups[1].Value : "";
    }
}
