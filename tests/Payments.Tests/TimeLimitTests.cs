using System.Globalization;
using Npgsql;
using Surety.Rigs;

namespace Payments.Tests;

/// <summary>Who would wait for a lock for ever is stopped by the edge alone: the driver's own time limit is far away.</summary>
public sealed class ImpatientBackend : Backend
{
    private protected override RigOptions Options => new(
        RigOptions.Postgres, Connection: "Command Timeout=300",
        Environment: _ => new Dictionary<string, string>
        {
            ["Surety__Edge__CommandTimeout"] = "00:00:05", ["Surety__Edge__RequestTimeout"] = "00:00:05",
        });
}

public sealed class TimeLimitTests(ImpatientBackend backend) : IClassFixture<ImpatientBackend>
{
    [Fact]
    public async Task A_request_that_passes_its_time_limit_ends_its_query_on_the_server_and_did_nothing()
    {
        var (from, to) = (await backend.AccountAsync(holds: 100), await backend.AccountAsync());
        await using (var other = new NpgsqlConnection(backend.Rig.Postgres!.ConnectionString))
        {
            await other.OpenAsync();
            await using var transaction = await other.BeginTransactionAsync();
            await using var lockAll = new NpgsqlCommand("LOCK TABLE account IN ACCESS EXCLUSIVE MODE", other, transaction);
            await lockAll.ExecuteNonQueryAsync();

            var command = backend.TransferAsync(from, to, 30, "late");
            var read = backend.GetAsync($"/accounts/{from}");
            await UntilWaitingAsync(2);
            (await command).ShouldBeProblem(503, "timeout").Header("Retry-After").ShouldBe("1");
            (await read).ShouldBeProblem(504, "timeout");
            // The lock is still there: whoever no longer waits for it was told to stop.
            await UntilWaitingAsync(0);
        }

        (await backend.BalanceAsync(from)).ShouldBe(100);
        (await backend.TransferAsync(from, to, 30, "late")).ShouldBe(201).Header("Idempotent-Replayed").ShouldBeNull();
        (await backend.BalanceAsync(from)).ShouldBe(70);
    }

    private Task UntilWaitingAsync(int queries) => Backend.UntilAsync(
        async () =>
            await backend.Rig.Postgres!.QueryAsync(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", default) == queries.ToString(
                CultureInfo.InvariantCulture),
        () => $"there are not {queries} queries that wait for a lock");
}
