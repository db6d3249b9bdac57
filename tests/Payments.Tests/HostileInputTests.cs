using System.Collections.Concurrent;
using System.Data.Common;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Payments.Tests;

/// <summary>Over a thousand requests nobody should send, each refused, and none of them leaves anything.</summary>
public abstract partial class BadInputTests
{
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
                if (Judgement.FaultOfRefusal(
                    (int)response.StatusCode, body, request.Method == HttpMethod.Head,
                    $"{response.Content.Headers.ContentType}") is { } fault) faults.Add($"{Judgement.Short(hostile.Name)}: {fault}");
            }
            catch (OperationCanceledException)
            {
                faults.Add($"{Judgement.Short(hostile.Name)}: no answer within {Quick.TotalSeconds} s");
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
            if (answer.Length > 0 && !StatusLine().IsMatch(answer)) faults.Add($"{Judgement.Short(raw)}: {Judgement.Short(answer)}");
            if (Judgement.FaultOfText(answer) is { } leak) faults.Add($"{Judgement.Short(raw)}: {leak}");
        }

        faults.ShouldBeEmpty();
        (await CountAsync()).ShouldBe(before);
        (await backend.GetAsync("/readyz")).ShouldBe(200);
    }

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

    [GeneratedRegex(@"^HTTP/1\.1 (100 |4\d\d |505 )")]
    private static partial Regex StatusLine();
}
