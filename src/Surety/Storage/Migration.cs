using System.Globalization;
using System.Reflection;

namespace Surety.Storage;

/// <summary>
/// One numbered change of a store's schema: the files <c>NNNN_name.sql</c> and <c>NNNN_name.down.sql</c> in the store's assembly.
/// </summary>
/// <param name="Version">The schema's after it.</param>
/// <param name="Name">What it brings.</param>
/// <param name="Up">Its statements.</param>
/// <param name="Down">The statements that take it back.</param>
internal sealed record Migration(int Version, string Name, string Up, string Down)
{
    private const string Folder = "Migrations/", DownEnd = ".down.sql", UpEnd = ".sql";
    private const string OldestBegin = "-- Programs that know version ", OldestEnd = " can work with it.";

    /// <summary>
    /// The oldest program, by the newest version it knows, that may work on a schema with this change. Only the change itself can say so,
    /// in the line "-- Programs that know version N can work with it."; without that, programs that do not know it have to stay away.
    /// </summary>
    public int Oldest => Up.Split('\n').FirstOrDefault(IsOldest) is { } line
        ? int.Parse(line.AsSpan()[OldestBegin.Length..^OldestEnd.Length], CultureInfo.InvariantCulture)
        : Version;

    /// <summary>A store's own, oldest first.</summary>
    public static IReadOnlyList<Migration> In(Assembly assembly) =>
        [.. assembly.GetManifestResourceNames().Where(IsUp).Order(StringComparer.Ordinal).Select(file => Of(assembly, file))];

    private static bool IsOldest(string line) =>
        line.StartsWith(OldestBegin, StringComparison.Ordinal) && line.EndsWith(OldestEnd, StringComparison.Ordinal);

    private static bool IsUp(string file) =>
        file.StartsWith(Folder, StringComparison.Ordinal) && !file.EndsWith(DownEnd, StringComparison.Ordinal);

    private static Migration Of(Assembly assembly, string file)
    {
        var name = file[Folder.Length..^UpEnd.Length];
        var (version, down) = (int.Parse(name.AsSpan(0, 4), CultureInfo.InvariantCulture), file[..^UpEnd.Length] + DownEnd);
        return new Migration(version, name[5..], Read(assembly, file), Read(assembly, down));
    }

    private static string Read(Assembly assembly, string file)
    {
        var stream = assembly.GetManifestResourceStream(
            file) ?? throw new InvalidOperationException($"The migration file {file} is missing: every migration needs a way back.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
