using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Surety.Rigs;

namespace Payments.Tests;

/// <summary>What tests of many clients need.</summary>
internal static class Crowd
{
    /// <summary>Opens accounts 1 to so many, from which much can be moved, and makes a key that is no operator's.</summary>
    public static async Task<string> PrepareAsync(Rig rig, int accounts)
    {
        for (var i = 1; i <= accounts; i++)
        {
            using var opened = await rig.Payments.PostAsJsonAsync(
                "/accounts", new { owner = "somebody", currency = "EUR", overdraftLimit = "1000000000" });
            (await opened.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString().ShouldBe(Backend.Text(i));
        }

        using var made = await rig.Payments.PostAsJsonAsync("/keys", new { principal = "crowd" });
        return (await made.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("secret").GetString()!;
    }

    /// <summary>MiB of a process's memory that are in the machine's.</summary>
    public static long Resident(int process) =>
        long.Parse(File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("VmRSS", StringComparison.Ordinal))
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;

    /// <summary>What so many of the times are no longer than.</summary>
    public static double Part(IEnumerable<double> times, double part) =>
        times.Order().ToArray() is { Length: > 0 } sorted ? sorted[(int)((sorted.Length - 1) * part)] : 0;
}
