namespace Surety.Operations;

/// <summary>Which names somebody may have meant. Pure.</summary>
internal static class NearNames
{
    private const int Most = 3;

    /// <summary>The nearest first, at most three; none is further away than a third of the name's letters, or one.</summary>
    public static IReadOnlyList<string> Of(string name, IEnumerable<string> known)
    {
        var reach = Math.Max(1, name.Length / 3);
        return
        [
            .. known.Select(k => (Name: k, Mistakes: Mistakes(name, k))).Where(k => k.Mistakes <= reach)
                .OrderBy(k => k.Mistakes).ThenBy(k => k.Name, StringComparer.Ordinal).Take(Most).Select(k => k.Name),
        ];
    }

    /// <summary>
    /// How many letters are missing, too many, wrong, or swapped with the next one (the optimal string alignment distance): the least
    /// number of such mistakes that makes one name of the other.
    /// </summary>
    internal static int Mistakes(string a, string b)
    {
        var least = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) least[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) least[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var wrong = least[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                least[i, j] = Math.Min(wrong, Math.Min(least[i - 1, j], least[i, j - 1]) + 1);
                var isSwapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if (isSwapped) least[i, j] = Math.Min(least[i, j], least[i - 2, j - 2] + 1);
            }
        }

        return least[a.Length, b.Length];
    }
}
