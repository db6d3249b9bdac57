using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Surety.Bench.JobQueues;

/// <summary>Runs cells: the contenders in turns, each round on a database of its own, and reads off the server what that cost.</summary>
internal sealed class Workbench(PrivateServer server, Settings settings)
{
    // Rounds that do not count are played until compilers at run time have done with the hot code. Two nodes on two processors are at it
    // for a minute and a half, and half as fast meanwhile; a round's new hosts keep them at it for a tenth of the time for ever.
    private const int WarmUpSeconds = 12;
    private const int MostWarmUps = 10;
    private const double CompiledShare = 0.15;

    private int databases;
    private bool warming;

    public PrivateServer Server => server;

    public Settings Settings => settings;

    /// <summary>How long a load is kept up.</summary>
    public int Seconds { get; private set; } = settings.Seconds;

    /// <summary>
    /// How long a load is on before it counts. Pools fill, the first claims are small; and a round's hosts are new, whose start sets
    /// compilers at run time to work for seconds.
    /// </summary>
    public TimeSpan Ramp => TimeSpan.FromSeconds(settings.Quick ? 0.2 : 4);

    /// <summary>How many jobs there are to work off.</summary>
    public int Backlog => settings.Quick ? 500 : 100_000;

    public int HugeBacklog => settings.Quick ? 2_000 : warming ? 20_000 : 1_000_000;

    /// <param name="name">Of the cell.</param>
    /// <param name="nodes">Worker processes.</param>
    /// <param name="raw">The statements alone; null where there are none.</param>
    /// <param name="queues">What a queue's processes do: none, one or several things in turns.</param>
    /// <param name="nodesOf">Worker processes where that differs.</param>
    /// <param name="driver">Whether the bare driver takes part.</param>
    public async Task<Cell> RunAsync(
        string name, int nodes, Func<string, Entrant?>? raw, Func<string, Crew, IReadOnlyList<Entrant>> queues,
        Func<string, int>? nodesOf = null, bool driver = false)
    {
        var entrants = new List<Entrant>();
        try
        {
            foreach (var contender in settings.Against)
            {
                if (contender is Contender.Raw or Contender.RawLog)
                {
                    if (raw?.Invoke(contender) is { } statements) entrants.Add(statements);
                    continue;
                }

                if (contender == Contender.Driver && !driver) continue;
                var crew = await Crew.StartAsync(Contender.Called(contender).Launch, nodesOf?.Invoke(contender) ?? nodes);
                if (queues(contender, crew) is { Count: > 0 } parts) entrants.AddRange(parts);
                else await crew.DisposeAsync();
            }

            return await RunAsync(name, nodes, entrants);
        }
        finally
        {
            foreach (var entrant in entrants) await entrant.DisposeAsync();
        }
    }

    private async Task<Cell> RunAsync(string name, int nodes, IReadOnlyList<Entrant> entrants)
    {
        var rounds = entrants.Select(_ => new List<Measured>()).ToList();
        var statements = Enumerable.Repeat(double.NaN, entrants.Count).ToArray();

        // Statements are counted only while warming up, since that is not free.
        if (!settings.Quick)
        {
            warming = true;
            await CountStatementsAsync(true);
            for (var i = 0; i < entrants.Count; i++)
            {
                Seconds = entrants[i].WarmsUp ? Math.Max(WarmUpSeconds, settings.Seconds) : 1;
                for (var (turn, share) = (1, 1.0); turn <= Math.Min(MostWarmUps, entrants[i].MostWarmUps) && share > CompiledShare; turn++)
                {
                    var (compiled, spent) = (entrants[i].Compiled(), entrants[i].ProcessorTime());
                    statements[i] = (await OnceAsync(entrants[i], counts: true)).Statements;
                    share = (entrants[i].Compiled() - compiled) / (entrants[i].ProcessorTime() - spent);
                    if (entrants[i].WarmsUp)
                        Console.Error.WriteLine(
                            $"{name}, {nodes} nodes: {entrants[i].Name} has warmed up {turn} times; compilers were at it for {share:P0} of "
                                + $"its processor time");
                }
            }

            await CountStatementsAsync(false);
            (warming, Seconds) = (false, settings.Seconds);
        }

        for (var round = 0; round < settings.Rounds; round++)
        {
            for (var turn = 0; turn < entrants.Count; turn++)
            {
                // Who goes first changes, so that nobody always finds what the same other one left behind.
                var i = (turn + round) % entrants.Count;
                rounds[i].Add(await OnceAsync(entrants[i], counts: false) with { Statements = statements[i] });
            }
        }

        return new Cell(name, nodes, Measuring.Machine.Load(), [.. entrants.Select((e, i) => new Row(e.Name, rounds[i]))]);
    }

    private async Task<Measured> OnceAsync(Entrant entrant, bool counts)
    {
        var database = string.Create(CultureInfo.InvariantCulture, $"bench_{++databases}");
        await server.ExecuteAsync("postgres", $"CREATE DATABASE {database}");
        try
        {
            await entrant.PrepareAsync(database);
            if (counts && server.CountsStatements) await server.ScalarAsync<object>("postgres", "SELECT pg_stat_statements_reset()::text");
            var before = await ReadAsync(entrant, database);
            var result = await entrant.RunAsync(database);
            var after = await ReadAsync(entrant, database);
            var statements = counts && server.CountsStatements
                ? (double)await server.ScalarAsync<decimal>(
                    "postgres",
                    $"SELECT coalesce(sum(calls), 0)::numeric FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE "
                        + $"datname = '{database}')")
                : double.NaN;
            await entrant.FinishAsync(database);
            // Read commits when all connections but the producer's are gone: a backend reports its own once a second, and at its end.
            var commits = await CommitsAsync(database) - before.Commits;
            double jobs = result.Jobs;
            return new Measured
            {
                Rate = result.Rate, P50 = result.P50, P99 = result.P99, Transactions = result.Transactions,
                    Wal = (after.Wal - before.Wal) / jobs,
                    Writes = (after.Transactions - before.Transactions) / jobs, Commits = commits / jobs,
                ClientMicroseconds = (after.Client - before.Client).TotalMicroseconds / jobs,
                    ServerMicroseconds = (after.Server - before.Server).TotalMicroseconds / jobs, Statements = statements / jobs,
            };
        }
        finally
        {
            await UntilAloneAsync(database);
            await server.ExecuteAsync("postgres", $"DROP DATABASE {database} WITH (FORCE)");
            // What this one wrote is not to be written out during the next one's turn.
            await server.ExecuteAsync("postgres", "CHECKPOINT");
        }
    }

    /// <summary>Those that close their connections may do so behind our back, and complain when they are cut off.</summary>
    private async Task UntilAloneAsync(string database)
    {
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(5) && await server.ScalarAsync<long>(
            "postgres", $"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND backend_type = 'client backend'") > 0)
            await Task.Delay(20);
    }

    private async Task<Reading> ReadAsync(Entrant entrant, string database)
    {
        var commits = await CommitsAsync(database);
        await using var connection = await server.OpenAsync("postgres");
        await using var command = new NpgsqlCommand(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
            connection);
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return new Reading(reader.GetInt64(0), reader.GetInt64(1), commits, entrant.ProcessorTime(), server.ProcessorTime());
    }

    private Task<long> CommitsAsync(string database) =>
        server.ScalarAsync<long>("postgres", $"SELECT xact_commit FROM pg_stat_database WHERE datname = '{database}'");

    private async Task CountStatementsAsync(bool count)
    {
        if (!server.CountsStatements) return;
        var wanted = count ? "all" : "none";
        await server.ExecuteAsync("postgres", $"ALTER SYSTEM SET pg_stat_statements.track = '{wanted}'");
        await server.ExecuteAsync("postgres", "SELECT pg_reload_conf()");
        var began = Stopwatch.GetTimestamp();
        while (await server.ScalarAsync<string>("postgres", "SHOW pg_stat_statements.track") != wanted)
        {
            if (Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(10))
                throw new TimeoutException("The server did not take up its configuration.");
            await Task.Delay(10);
        }
    }

    private readonly record struct Reading(long Wal, long Transactions, long Commits, TimeSpan Client, TimeSpan Server);
}

/// <summary>One contender's part in a cell.</summary>
internal abstract class Entrant(string name) : IAsyncDisposable
{
    public string Name => name;

    /// <summary>Whether it is faster after a while.</summary>
    public virtual bool WarmsUp => true;

    /// <summary>How many rounds of warming up are enough, however busy the compilers still are.</summary>
    public virtual int MostWarmUps => int.MaxValue;

    /// <summary>Before anything is measured.</summary>
    public abstract Task PrepareAsync(string database);

    /// <summary>The work.</summary>
    public abstract Task<Result> RunAsync(string database);

    /// <summary>Throws unless everything was handled exactly once and nothing is left; closes what is open.</summary>
    public abstract Task FinishAsync(string database);

    /// <summary>Of its processes.</summary>
    public abstract TimeSpan ProcessorTime();

    /// <summary>How long their compilers at run time were at it.</summary>
    public virtual TimeSpan Compiled() => TimeSpan.Zero;

    public abstract ValueTask DisposeAsync();
}

/// <summary>What an entrant did.</summary>
/// <param name="Jobs">How many, in all that was accounted for.</param>
/// <param name="Rate">How many a second, in what was timed.</param>
/// <param name="P50">Median wait in milliseconds, where it was asked for.</param>
/// <param name="P99">The wait of the slowest hundredth.</param>
/// <param name="Transactions">The workers' transactions a second, where they were asked for.</param>
internal readonly record struct Result(
    long Jobs, double Rate, double P50 = double.NaN, double P99 = double.NaN, double Transactions = double.NaN);
