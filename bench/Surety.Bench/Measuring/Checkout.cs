namespace Surety.Bench.Measuring;

/// <summary>The working copy this program was built from.</summary>
internal static class Checkout
{
    public static string Folder { get; } = Find();

    private static string Find()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Surety.slnx")))
            folder = Path.GetDirectoryName(
                folder) ?? throw new InvalidOperationException("This program belongs to the checkout it was built from, and that is gone.");
        return folder;
    }
}
