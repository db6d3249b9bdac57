using System.Data.Common;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using Surety.Coordination;
using Surety.Hosting;
using Surety.Tests.Processing;

namespace Surety.Tests.Postgres;

/// <summary>
/// Plain handlers that use the database in every way they can, while it is restarted, connections are cut and answers to commits are lost.
/// None of it is their messages' fault. With SURETY_LONG=1 ten such stories are told, each by another seed.
/// </summary>
public sealed class OutageStoryTests(TroubledServer troubled) : IClassFixture<TroubledServer>
{
    private const int Messages = 120;

    // Each twice, in an order of the seed's.
    private static readonly Fault[] Faults = [.. Enum.GetValues<Fault>(), .. Enum.GetValues<Fault>()];

    private enum Fault
    {
        Restart,
        Cut,
        LostAnswers,
    }

    private PostgresServer Server => troubled.Server;

    public static TheoryData<int> Seeds()
    {
        var seeds = new TheoryData<int>();
        var count = Counts.Of(10);
        for (var seed = 1; seed <= count; seed++) seeds.Add(seed);
        return seeds;
    }

    [Theory, MemberData(nameof(Seeds))]
    public async Task Plain_handlers_spend_no_attempt_while_their_database_is_restarted_cut_off_and_not_heard(int seed)
    {
        var random = new Random(seed);
        var schema = $"outage{seed}";
        await Server.ExecuteAsync($"CREATE SCHEMA {schema}; CREATE TABLE {schema}.effect (number INTEGER PRIMARY KEY)");
        await using var wire = new DeafWire(Server.Port);
        var place = new OutagePlace(
            schema,
            $"Host=127.0.0.1;Port={wire.Port};Username=surety;Database=postgres;Search Path={schema};Maximum Pool Size=10;Timeout=5");
        await using var own = NpgsqlDataSource.Create(place.ConnectionString);
        var (log, pings) = (new CapturedEvents(), new Script<Ping>());
        await using (var host = await WorkingHost.StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().Queue("default", q => (q.Concurrency, q.Retry) = (4, Retry.Fixed(12, TimeSpan.Zero)))
                .Configure(o => o.NodeLease = TimeSpan.FromMinutes(1)), place,
            services =>
            {
                log.AddTo(services);
                services.AddSingleton(pings).AddSingleton(
                    new OutageLimits(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(1), 10, TimeSpan.FromSeconds(2)));
            }))
        {
            pings.Act = async (d, _, cancel) =>
            {
                await using (var reading = await host.Database.OpenReadAsync(cancel)) await ExecuteAsync(
                    reading, null, "SELECT pg_sleep(0.02)");
                if (d.Message.Number % 2 == 0)
                {
                    await using var work = await host.Database.BeginAsync(cancel);
                    await ExecuteAsync(
                        work.Connection, work.Transaction, $"INSERT INTO effect VALUES ({d.Message.Number}) ON CONFLICT DO NOTHING");
                    await work.CommitAsync();
                }
                else
                {
                    await using var connection = await own.OpenConnectionAsync(cancel);
                    await using var transaction = await connection.BeginTransactionAsync(cancel);
                    await ExecuteAsync(connection, transaction, $"INSERT INTO effect VALUES ({d.Message.Number}) ON CONFLICT DO NOTHING");
                    await transaction.CommitAsync(cancel);
                }

                return Outcome.Done;
            };
            var ids = await host.Queue.EnqueueAsync(
                [.. Enumerable.Range(0, Messages).Select(i => new Envelope(new Ping(i), new EnqueueOptions
                {
                    Tracked = true, Delay = TimeSpan.FromMilliseconds(random.Next(6000)),
                }))]);
            Fault[] faults = [.. Faults];
            random.Shuffle(faults);
            foreach (var fault in faults)
            {
                await DoAsync(fault, wire);
                // Until work goes on: a fault that nobody meets is none.
                var before = pings.Seen.Count;
                await WorkingHost.UntilAsync(
                    () => Task.FromResult(pings.Seen.Count >= Math.Min(before + 5, Messages)), () => $"{fault}: nothing goes on");
            }

            wire.StopSwallowing();
            foreach (var id in ids) await UntilSucceededAsync(host, id.Id);
            await WorkingHost.UntilAsync(() => Task.FromResult(host.Get<SuretyHealth>() is { Problems.Count: 0, Degraded.Count: 0 }), () =>
                string.Join(Environment.NewLine, [.. host.Get<SuretyHealth>().Problems, .. host.Get<SuretyHealth>().Degraded]));
        }

        (await Server.ScalarAsync<long>($"SELECT count(*) FROM {schema}.effect")).ShouldBe(Messages);
        log.All.Where(e => e.Id == CapturedEvents.AttemptFailed).ShouldBeEmpty();
        // One line each time the state changes, however many attempts were failed.
        var changes = log.All.Where(e => e.Id is CapturedEvents.Away or CapturedEvents.Back).Select(e => e.Id).ToList();
        changes.Count.ShouldBeInRange(2, 2 * Faults.Length);
        changes.ShouldBe(Enumerable.Range(0, changes.Count).Select(i => i % 2 == 0 ? CapturedEvents.Away : CapturedEvents.Back));
        wire.Swallowed.ShouldBeGreaterThan(0);
        await Server.ExecuteAsync($"DROP SCHEMA {schema} CASCADE");
    }

    private async Task DoAsync(Fault fault, DeafWire wire)
    {
        switch (fault)
        {
            case Fault.Restart:
                await Server.StopAsync();
                await Server.BeginAsync();
                break;
            case Fault.Cut:
                await Server.ExecuteAsync(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> "
                        + "pg_backend_pid()");
                break;
            default:
                wire.Swallow(3);
                break;
        }
    }

    private static async Task UntilSucceededAsync(WorkingHost host, MessageId id)
    {
        MessageInfo? info = null;
        await WorkingHost.UntilAsync(async () =>
        {
            try
            {
                return (info = await host.Messages.FindAsync(id))?.Status == MessageStatus.Succeeded;
            }
            catch (StoreException e) when (e.IsTransient)
            {
                return false;
            }
        }, () => $"message {id} is {info?.Status}: {info?.Reason}");
        var history = string.Join("; ", info!.Attempts.Select(a => $"{a.Outcome} {a.Error}"));
        (info.Attempt, info.Attempts.Count(a => a.Outcome == AttemptOutcome.Done), info.Attempts.Count(
            a => a.Outcome == AttemptOutcome.Retry)).ShouldBe((1, 1, 0), history);
    }

    private static async Task ExecuteAsync(DbConnection connection, DbTransaction? transaction, string sql)
    {
        await using var command = connection.CreateCommand();
        (command.CommandText, command.Transaction) = (sql, transaction);
        await command.ExecuteNonQueryAsync();
    }

    private sealed class OutagePlace(string schema, string connectionString) : Place
    {
        public string ConnectionString => connectionString;

        public override void Use(SuretyBuilder surety) => surety.UsePostgres(connectionString, options => options.Schema = schema);

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
