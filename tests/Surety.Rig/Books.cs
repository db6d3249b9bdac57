using System.Globalization;
using System.Net.Http.Json;

namespace Surety.Rigs;

/// <summary>What the backend and the provider say has happened, read when everything is quiet.</summary>
internal sealed record Books(
    IReadOnlyList<Entry> Entries, IReadOnlyList<ProviderPayment> Payments, IReadOnlyDictionary<string, string> Jobs, Audit Audit)
{
    /// <param name="rig">The processes to ask.</param>
    /// <param name="accounts">The customers' accounts.</param>
    /// <param name="jobs">The payouts' jobs by reference.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<Books> ReadAsync(
        Rig rig, IEnumerable<string> accounts, IReadOnlyDictionary<string, string> jobs, CancellationToken cancel)
    {
        var entries = new List<Entry>();
        foreach (var account in accounts)
        {
            string? token = null;
            do
            {
                var page = (await rig.Payments.GetFromJsonAsync<Page>(
                    $"/accounts/{account}/entries?pageSize=500{(token is null ? "" : $"&pageToken={token}")}", cancel))!;
                entries.AddRange(
                    page.Items.Select(i => new Entry(account, i.Kind, i.Reference, long.Parse(i.Amount, CultureInfo.InvariantCulture))));
                token = page.NextPageToken;
            }
            while (token is not null);
        }

        var statuses = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (reference, id) in jobs)
        {
            // A job ends a moment after its effect, and later when its outcome could not be stored at once.
            using var answer = await rig.Payments.GetAsync($"/jobs/{id}?wait=20", cancel);
            // An accepted job that does not exist is a finding, not a failure of the tool.
            statuses[reference] = answer.IsSuccessStatusCode
                ? (await answer.Content.ReadFromJsonAsync<Job>(cancel))!.Status : $"gone ({(int)answer.StatusCode})";
        }

        return new Books(entries, await ProviderPayment.AllAsync(rig, cancel), statuses, await Audit.ReadAsync(rig, cancel));
    }

    private sealed record Page(IReadOnlyList<Item> Items, string? NextPageToken);

    private sealed record Item(string Kind, string? Reference, string Amount);

    private sealed record Job(string Status);
}

/// <summary>One line of an account.</summary>
internal sealed record Entry(string Account, string Kind, string? Reference, long Amount);

/// <summary>What the provider recorded under one key.</summary>
internal sealed record ProviderPayment(long Id, string State, string Amount, string Destination, int Calls)
{
    public static async Task<IReadOnlyList<ProviderPayment>> AllAsync(Rig rig, CancellationToken cancel)
    {
        var all = new List<ProviderPayment>();
        while (await AfterAsync(rig, all.LastOrDefault()?.Id ?? 0, cancel) is { Count: > 0 } page) all.AddRange(page);
        return all;
    }

    /// <summary>A page of those with higher ids.</summary>
    public static async Task<List<ProviderPayment>> AfterAsync(Rig rig, long id, CancellationToken cancel) =>
        await rig.Provider.GetFromJsonAsync<List<ProviderPayment>>($"/payments?after={id}", cancel) ?? [];
}

/// <summary>The backend's own proof of its books.</summary>
internal sealed record Audit(
    long Transfers, long Entries, IReadOnlyDictionary<string, string> Sums,
    long MismatchedAccounts, long UnbalancedTransfers, long OverdrawnAccounts, long OpenHolds, long Exported, long ExportedTwice)
{
    /// <summary>Nothing is left to do: every hold has ended, every entry was exported.</summary>
    public bool IsQuiet => OpenHolds == 0 && Exported >= Entries;

    public static async Task<Audit> ReadAsync(Rig rig, CancellationToken cancel) =>
        (await rig.Payments.GetFromJsonAsync<Audit>("/audit", cancel))!;

    /// <summary>What may never be, not even for a moment.</summary>
    public IEnumerable<string> Faults()
    {
        foreach (var (currency, sum) in Sums)
            if (sum != "0") yield return $"The entries in {currency} sum to {sum}, not to zero.";
        if (MismatchedAccounts > 0) yield return $"{MismatchedAccounts} accounts have a balance that is not the sum of their entries.";
        if (UnbalancedTransfers > 0) yield return $"{UnbalancedTransfers} transfers do not have two entries that sum to zero.";
        if (OverdrawnAccounts > 0) yield return $"{OverdrawnAccounts} accounts are overdrawn.";
        if (ExportedTwice > 0 || Exported > Entries)
            yield return $"{ExportedTwice} entries were exported more than once ({Exported} exported of {Entries}).";
    }
}
