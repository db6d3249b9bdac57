using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Surety.Postgres.Connections;
using Surety.Tests.Processing;

namespace Surety.Tests.Postgres;

/// <summary>Each transaction tells the server itself when to end it: its own time limit and five seconds.</summary>
public sealed class TransactionLimitTests : IAsyncLifetime
{
    private const string Limits = "SELECT current_setting('idle_in_transaction_session_timeout') || ' ' || current_setting('lock_timeout')";
    private Place place = null!;

    public async ValueTask InitializeAsync() => place = await PostgresPlace.OpenAsync();

    public async ValueTask DisposeAsync() => await place.DisposeAsync();

    [Fact]
    public async Task A_unit_of_work_has_its_limit_from_its_first_statement_on_and_leaves_nothing_of_it_behind()
    {
        await using var host = await WorkingHost.StartAsync(s => s.Configure(o => o.Work = false), place);
        for (var i = 0; i < 2; i++)
        {
            await using (var work = await host.Database.BeginAsync()) (await AskAsync(work)).ShouldBe("305s 305s");
            await using var connection = (NpgsqlConnection)await host.Database.OpenReadAsync();
            await using var command = new NpgsqlCommand(Limits, connection);
            (await command.ExecuteScalarAsync()).ShouldBe("0 0");
        }
    }

    [Fact]
    public async Task A_handlers_transaction_has_the_handlers_limit()
    {
        var limits = new TaskCompletionSource<string>();
        var pings = new Script<Ping>
        {
            Act = async (_, work, _) =>
            {
                limits.TrySetResult(await AskAsync(work!));
                return Outcome.Done;
            },
        };
        await using var host = await WorkingHost.StartAsync(
            s => s.HandleInTransaction<Ping, InTransaction<Ping>>().Queue(
                "default", q => q.HandlerTimeout = TimeSpan.FromSeconds(7)), place, services => services.AddSingleton(pings));
        await host.Queue.EnqueueAsync(new Ping(1));
        (await limits.Task.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe("12s 12s");
    }

    [Fact]
    public async Task A_unit_of_work_that_is_left_without_a_statement_gives_back_a_connection_that_works()
    {
        await using var host = await WorkingHost.StartAsync(s => s.Configure(o => o.Work = false), place);
        for (var i = 0; i < 5; i++)
        {
            await using var left = await host.Database.BeginAsync();
            if (i % 2 == 0) await left.CommitAsync();
        }

        (await host.ScalarAsync("SELECT 7")).ShouldBe(7);
    }

    [Fact]
    public async Task The_limit_goes_with_the_transactions_begin_and_costs_no_round_trip()
    {
        await using var connection = new NpgsqlConnection(((PostgresPlace)place).ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        // Should an update of the driver take this away, limits still hold, and each costs a round trip.
        var sent = new TransactionLimits().SetAsync(transaction, TimeSpan.FromSeconds(1), idleOnly: true, default);
        sent.IsCompletedSuccessfully.ShouldBeTrue();
        await using var command = new NpgsqlCommand("SHOW idle_in_transaction_session_timeout", connection, transaction);
        (await command.ExecuteScalarAsync()).ShouldBe("6s");
    }

    [Theory]
    [InlineData(150000, 0, false, "idle_in_transaction_session_timeout=6000 lock_timeout=6000")]
    [InlineData(150000, 0, true, "idle_in_transaction_session_timeout=6000")]
    [InlineData(170001, 0, false, "idle_in_transaction_session_timeout=6000 lock_timeout=6000 transaction_timeout=6000")]
    [InlineData(170001, 0, true, "idle_in_transaction_session_timeout=6000")]
    [InlineData(150000, 2000, false, "idle_in_transaction_session_timeout=6000 lock_timeout=2000")] // what the session has is shorter
    [InlineData(150000, 9000, false, "idle_in_transaction_session_timeout=6000 lock_timeout=6000")]
    public void The_shorter_of_the_transactions_limit_and_the_sessions_holds(int version, int lockTimeout, bool idleOnly, string expected)
    {
        var settings = new Dictionary<string, string>
        {
            ["server_version_num"] = $"{version}", ["lock_timeout"] = $"{lockTimeout}", ["idle_in_transaction_session_timeout"] = "0",
        };
        string.Join(' ', TransactionLimits.Of(TimeSpan.FromSeconds(1), idleOnly, settings).Select(l => $"{l.Name}={l.Ms}"))
            .ShouldBe(expected);
    }

    private static async Task<string> AskAsync(UnitOfWork work)
    {
        await using var command = work.Connection.CreateCommand();
        (command.Transaction, command.CommandText) = (work.Transaction, Limits);
        return (string)(await command.ExecuteScalarAsync())!;
    }
}
