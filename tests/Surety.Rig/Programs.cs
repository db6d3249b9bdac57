namespace Surety.Rigs;

/// <summary>The programs a run starts.</summary>
internal sealed record Programs(string Payments, string Provider)
{
    public static Programs Find(string? payments = null, string? provider = null) =>
        new(Existing(payments) ?? Built("Payments"), Existing(provider) ?? Built("Provider"));

    private static string? Existing(string? path) =>
        path is null || File.Exists(path) ? path : throw new RigException($"{path} does not exist.");

    /// <summary>In the checkout above this program, built the same way (Debug or Release) when there is a choice.</summary>
    private static string Built(string name)
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            var bin = Path.Combine(folder, "samples", name, "bin");
            if (!Directory.Exists(bin)) continue;
            var ours = AppContext.BaseDirectory.Contains(
                $"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug";
            var found = new[] { ours, "Release", "Debug" }
                .Select(c => Path.Combine(bin, c, "net10.0", $"{name}.dll")).FirstOrDefault(File.Exists);
            if (found is not null) return found;
        }

        throw new RigException(
            $"{name}.dll is not built above {AppContext.BaseDirectory}. Build it with `dotnet build samples/{name}`, or name it with "
                + $"--{name.ToLowerInvariant()}.");
    }
}
