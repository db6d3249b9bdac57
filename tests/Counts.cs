using System.Globalization;

namespace Surety.Testing;

/// <summary>
/// How much a test repeats. <c>SURETY_LONG=1</c> runs the whole counts (kills, rounds, seeds, requests); otherwise a test runs a tenth.
/// </summary>
internal static class Counts
{
    public static bool AreWhole { get; } = Environment.GetEnvironmentVariable("SURETY_LONG") == "1";

    /// <summary>The whole count, or a tenth of it.</summary>
    public static int Of(int whole) => AreWhole ? whole : Math.Max(1, whole / 10);

    /// <summary>What the variable says, or else the whole count or a tenth of it.</summary>
    public static int Of(int whole, string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : Of(whole);
}
