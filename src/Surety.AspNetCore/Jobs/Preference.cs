using System.Globalization;
using Microsoft.Extensions.Primitives;

namespace Surety.AspNetCore.Jobs;

/// <summary>What a client would like of an answer (RFC 7240). What is unknown or malformed is no error: it is passed over. Pure.</summary>
/// <param name="RespondAsync">It would rather have a 202 than wait.</param>
/// <param name="Wait">How many seconds it is willing to wait; null when it did not say.</param>
internal readonly record struct Preference(bool RespondAsync, int? Wait)
{
    public const string Header = "Prefer";
    public const string Applied = "Preference-Applied";

    public static Preference Read(StringValues lines)
    {
        var (respondAsync, wait) = (false, (int?)null);
        foreach (var line in lines)
        {
            foreach (var preference in Split(line ?? ""))
            {
                var parts = preference.Split('=', 2, StringSplitOptions.TrimEntries);
                if (parts is [var name] && name.Equals("respond-async", StringComparison.OrdinalIgnoreCase)) respondAsync = true;
                // The first one counts.
                else if (parts is [var key, var value] && key.Equals("wait", StringComparison.OrdinalIgnoreCase) && wait is null
                    && int.TryParse(value.Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
                    wait = seconds;
            }
        }

        return new(respondAsync, wait);
    }

    /// <summary>The preferences without their parameters; a comma or semicolon in quotes separates nothing.</summary>
    private static IEnumerable<string> Split(string line)
    {
        var (start, end, quoted) = (0, -1, false);
        for (var i = 0; i <= line.Length; i++)
        {
            var at = i == line.Length ? ',' : line[i];
            if (i < line.Length && at == '"' && (i == 0 || line[i - 1] != '\\')) quoted = !quoted;
            if (quoted && i < line.Length) continue;
            if (at == ';' && end < 0) end = i;
            if (at != ',') continue;
            yield return line[start..(end < 0 ? i : end)].Trim();
            (start, end) = (i + 1, -1);
        }
    }
}
