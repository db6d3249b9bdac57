using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Payments.Tests.Fuzz;

/// <summary>How often each effect has happened: by the rows themselves, or by the answers that promised it.</summary>
internal sealed class Effects
{
    private static readonly string[] Names =
        ["accounts", "changes", "deposits", "transfers", "holds", "payouts", "reports", "imports", "keys", "revocations", "uploads"];

    private readonly Dictionary<string, long> counts = Names.ToDictionary(n => n, _ => 0L);
    private readonly HashSet<string> imports = [];

    /// <summary>What may or may not have happened: whoever left before the answer was not told.</summary>
    private readonly Dictionary<string, long> more = [], less = [];

    public static async Task<Effects> CountAsync(Backend backend)
    {
        await using DbConnection connection = backend.Rig.Postgres is { } server
            ? new NpgsqlConnection(server.ConnectionString)
            : new SqliteConnection($"Data Source={Path.Combine(backend.Rig.Folder, "payments.db")};Mode=ReadOnly;Pooling=False");
        await connection.OpenAsync();
        var surety = backend.Rig.Postgres is null ? "surety_" : "surety.";
        await using var command = connection.CreateCommand();
        // One statement: one snapshot.
        command.CommandText =
            $"""
            SELECT
                (SELECT count(*) FROM account WHERE kind = 'customer'),
                (SELECT coalesce(sum(revision - 1), 0) FROM account WHERE kind = 'customer')
                    - (SELECT count(*) FROM entry e JOIN account a ON a.id = e.account WHERE a.kind = 'customer'),
                (SELECT count(*) FROM transfer WHERE kind = 'deposit'),
                (SELECT count(*) FROM transfer WHERE kind = 'transfer') - (SELECT count(*) FROM statement_line),
                (SELECT count(*) FROM transfer WHERE kind = 'hold'),
                (SELECT count(*) FROM payout),
                (SELECT count(*) FROM {surety}message WHERE kind = 'report.requested'),
                (SELECT count(*) FROM {surety}message WHERE kind = 'statement.uploaded'),
                (SELECT count(*) FROM {surety}api_key),
                (SELECT count(*) FROM {surety}api_key WHERE revoked_at IS NOT NULL),
                (SELECT count(*) FROM {surety}upload WHERE state <= 3)
            """;
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        var found = new Effects();
        for (var i = 0; i < Names.Length; i++) found.counts[Names[i]] = Convert.ToInt64(reader.GetValue(i), CultureInfo.InvariantCulture);
        return found;
    }

    /// <summary>What the client was promised by this answer. A repeat of an answer promises nothing new.</summary>
    public void Promise(FuzzRequest request, Reply? reply)
    {
        if (reply is null || reply.Status == 408)
        {
            if (Steps(request) is ["statements"]) more["uploads"] = more.GetValueOrDefault("uploads") + 1;
            if (Steps(request) is ["statements", _]) less["uploads"] = less.GetValueOrDefault("uploads") + 1;
            if (Steps(request) is ["keys", _] && request.Method == "DELETE")
                more["revocations"] = more.GetValueOrDefault("revocations") + 1;
            return;
        }

        foreach (var address in new[] { reply.Header("Location"), reply.Header("Link"), reply.Header("Content-Location") })
            if (address is not null && IsAt(request, "statements") && address.Contains("/jobs/", StringComparison.Ordinal)
                && reply.Status is 200 or 201 or 202 or 204) imports.Add(JobIn(address));
        if (reply.Headers.ContainsKey("Idempotent-Replayed")) return;
        switch (reply.Status, Steps(request))
        {
            case (201, ["accounts"]): Add("accounts"); break;
            case (200, ["accounts", _]) when request.Method == "PATCH": Add("changes"); break;
            case (201, ["deposits"]): Add("deposits"); break;
            case (201, ["transfers"]): Add("transfers"); break;
            case (200 or 202, ["payouts"]): Add("payouts"); Add("holds"); break;
            case (200 or 202, ["reports"]): Add("reports"); break;
            case (201, ["keys"] or ["keys", _, "rotate"]): Add("keys"); break;
            case (204, ["keys", _]) when request.Method == "DELETE": Add("revocations"); break;
            case (200 or 201 or 202, ["statements"]): Add("uploads"); break;
            case (460, ["statements", _]) when reply["code"] == "digest-mismatch": Add("uploads", -1); break;
            case (204, ["statements", _]) when IsDeletion(request, reply): Add("uploads", -1); break;
        }
    }

    /// <summary>What happened beyond what was promised, or was promised and did not happen.</summary>
    public IEnumerable<string> Differences(Effects before, Effects after)
    {
        counts["imports"] = imports.Count;
        foreach (var name in Names)
        {
            var (happened, promised) = (after.counts[name] - before.counts[name], counts[name]);
            if (happened < promised - less.GetValueOrDefault(name) || happened > promised + more.GetValueOrDefault(name))
                yield return $"{promised} {name} were promised, and {happened} happened";
        }
    }

    public long Total => counts.Values.Sum();

    private void Add(string name, int count = 1) => counts[name] += count;

    /// <summary>Of the answers with 204 only a deletion's says nothing of an offset.</summary>
    private static bool IsDeletion(FuzzRequest request, Reply reply) =>
        request.Method is "DELETE" or "POST" && !reply.Headers.ContainsKey("Upload-Offset");

    private static bool IsAt(FuzzRequest request, string first) => Steps(request) is [var step, ..] && step == first;

    /// <summary>As the server reads a path: it follows dots, and routing knows neither capitals nor a slash at the end.</summary>
    private static string[] Steps(FuzzRequest request) =>
        Uri.TryCreate($"http://x{request.Path}", UriKind.Absolute, out var address)
            ? Uri.UnescapeDataString(address.AbsolutePath).ToLowerInvariant().Split('/', StringSplitOptions.RemoveEmptyEntries) : [];

    private static string JobIn(string address) =>
        address[(address.IndexOf("/jobs/", StringComparison.Ordinal) + 6)..].Split('/', '>', ';')[0];
}
