using System.Collections.Concurrent;
using System.Data.Common;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Payments.Tests;

/// <summary>Over a thousand requests nobody should send, each refused, and none of them leaves anything.</summary>
public abstract partial class BadInputTests
{
    private const int MostEchoed = 10_000;
    private static readonly TimeSpan Quick = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Whatever_a_hostile_client_sends_it_is_refused_quickly_says_nothing_of_the_inside_and_leaves_nothing()
    {
        var before = await CountAsync();
        var cases = HostileCases.All().ToList();
        cases.Count.ShouldBeGreaterThan(1_000);
        var faults = new ConcurrentBag<string>();
        await Parallel.ForEachAsync(cases, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (hostile, cancel) =>
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            limit.CancelAfter(Quick);
            try
            {
                using var request = hostile.Make();
                using var response = await backend.Rig.Payments.SendAsync(request, limit.Token);
                var body = await response.Content.ReadAsStringAsync(limit.Token);
                if (Fault((int)response.StatusCode, body, request.Method == HttpMethod.Head, $"{response.Content.Headers.ContentType}") is { } fault) faults.Add($"{Short(hostile.Name)}: {fault}");
            }
            catch (OperationCanceledException)
            {
                faults.Add($"{Short(hostile.Name)}: no answer within {Quick.TotalSeconds} s");
            }
        });
        faults.ShouldBeEmpty();
        (await CountAsync()).ShouldBe(before);
        (await backend.GetAsync("/readyz")).ShouldBe(200);
    }

    [Fact]
    public async Task Bytes_that_are_hardly_HTTP_are_refused_or_hung_up_on()
    {
        var before = await CountAsync();
        var faults = new List<string>();
        foreach (var raw in RawRequests.All)
        {
            var answer = await RawRequests.SendAsync(backend.Rig.Payments.BaseAddress!, raw, Quick);
            if (answer.Length > 0 && !StatusLine().IsMatch(answer)) faults.Add($"{Short(raw)}: {Short(answer)}");
            if (Leak().Match(answer) is { Success: true } leak) faults.Add($"{Short(raw)}: tells \"{leak.Value}\"");
        }

        faults.ShouldBeEmpty();
        (await CountAsync()).ShouldBe(before);
        (await backend.GetAsync("/readyz")).ShouldBe(200);
    }

    private static string? Fault(int status, string body, bool isHead, string contentType)
    {
        if (Leak().Match(body) is { Success: true } leak) return $"{status} tells \"{leak.Value}\": {Short(body)}";
        if (body.Length > MostEchoed) return $"{status} sends back {body.Length} characters";
        if (status is < 400 or >= 500) return $"{status} {Short(body)}";
        if (isHead) return null;
        if (!contentType.StartsWith("application/problem+json", StringComparison.Ordinal)) return $"{status} is no problem document but {contentType} {Short(body)}";
        var reply = new Reply(status, new Dictionary<string, string>(), body);
        return reply["outcome"] == "none" && reply["type"]?.EndsWith("#" + reply["code"], StringComparison.Ordinal) == true && reply["detail"]?.Length > 0 ? null : $"{status} is no whole problem: {Short(body)}";
    }

    private static string Short(string text) => text.Length <= 160 ? text : text[..160];

    /// <summary>All rows that a command could have left.</summary>
    private async Task<string> CountAsync()
    {
        await using DbConnection connection = backend.Rig.Postgres is { } server
            ? new NpgsqlConnection(server.ConnectionString)
            : new SqliteConnection($"Data Source={Path.Combine(backend.Rig.Folder, "payments.db")};Mode=ReadOnly;Pooling=False");
        await connection.OpenAsync();
        var schema = backend.Rig.Postgres is null ? "surety_" : "surety.";
        var counts = new List<string>();
        foreach (var table in new[] { "account", "transfer", "entry", "payout", "statement", $"{schema}upload", $"{schema}api_key" })
        {
            await using var command = connection.CreateCommand();
            command.CommandText = $"SELECT count(*) FROM {table}";
            counts.Add($"{table} {await command.ExecuteScalarAsync()}");
        }

        return string.Join(", ", counts);
    }

    [GeneratedRegex(@"System\.|Microsoft\.|Payments\.|Surety\.|Npgsql|[Ss]qlite|SQLite|Dapper|SQLSTATE|Exception|   at |/work/|/tmp/|/home/|\.cs\b")]
    private static partial Regex Leak();

    [GeneratedRegex(@"^HTTP/1\.1 (100 |4\d\d |505 )")]
    private static partial Regex StatusLine();
}
