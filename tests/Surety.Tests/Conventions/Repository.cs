namespace Surety.Tests.Conventions;

/// <summary>The checkout these tests were built from.</summary>
internal static class Repository
{
    private static readonly string[] NotWritten =
        [.. new[] { "obj", "bin", "node_modules" }.Select(f => $"{Path.DirectorySeparatorChar}{f}{Path.DirectorySeparatorChar}")];

    public static string Root { get; } = Find();

    public static IEnumerable<string> Sources(string folder) => Files(folder, "*.cs");

    /// <summary>The files in the folder and below that people wrote.</summary>
    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
            .Where(f => !NotWritten.Any(f.Contains));

    /// <summary>The file's path from the root, with <c>/</c> on every system.</summary>
    public static string Name(string file) => Path.GetRelativePath(Root, file).Replace('\\', '/');

    private static string Find()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Surety.slnx")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("Not inside the checkout.");
        return folder;
    }
}
