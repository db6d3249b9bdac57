using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Surety.Tests.Conventions;

namespace Surety.Tests.Processing;

/// <summary>A call that writes, made inside a unit of work and without it: on PostgreSQL it would stay when the unit of work rolls back,
/// on SQLite it would wait for the lock that its own flow holds.</summary>
public sealed class WriteBesideTests
{
    public static TheoryData<string, string> Places()
    {
        var all = new TheoryData<string, string>();
        foreach (var store in new[] { "sqlite", "postgres" })
        {
            foreach (var from in new[] { "handler", "batch", "worker" }) all.Add(store, from);
        }

        return all;
    }

    [Fact]
    public void Every_public_call_is_known_by_whether_it_writes() =>
        PublicWrites.In(typeof(IQueue).Assembly).Order(StringComparer.Ordinal).ShouldBe(
            PublicWrites.OfCore.Select(c => c.Name).Order(StringComparer.Ordinal), "Say in PublicWrites whether the new call writes");

    [Theory]
    [MemberData(nameof(Places))]
    public async Task A_public_call_that_writes_beside_the_unit_of_work_is_refused_at_once_and_says_what_to_pass(string store, string from)
    {
        var tried = await TryAsync(store, from, services => PublicWrites.TryAllAsync(services, PublicWrites.OfCore));
        tried.Count.ShouldBeGreaterThan(8);
        foreach (var (call, failure) in tried)
        {
            var refusal = failure.ShouldBeOfType<InvalidOperationException>($"{call}: {failure}");
            refusal.Message.ShouldContain("inside a unit of work", Case.Sensitive, call);
            if (call.Contains("EnqueueAsync", StringComparison.Ordinal))
                refusal.Message.ShouldContain("Pass the unit of work", Case.Sensitive, call);
        }
    }

    [Theory]
    [InlineData("handler")]
    [InlineData("batch")]
    [InlineData("worker")]
    public async Task On_PostgreSQL_a_call_that_is_meant_to_stand_on_its_own_says_so_and_does(string from) =>
        (await TryAsync("postgres", from, services => PublicWrites.TryAllAsync(services, PublicWrites.OfCore, suppressed: true)))
            .ShouldAllBe(t => t.Value == null);

    [Theory]
    [InlineData("handler")]
    [InlineData("batch")]
    [InlineData("worker")]
    public async Task On_SQLite_it_would_wait_for_itself_and_is_refused_all_the_same(string from)
    {
        foreach (var (call, failure) in await TryAsync(
            "sqlite", from, services => PublicWrites.TryAllAsync(services, PublicWrites.OfCore, suppressed: true)))
        {
            // It finds no such message, and then has nothing to write.
            if (call.StartsWith("IMessages.CancelAsync", StringComparison.Ordinal)) continue;
            failure.ShouldBeOfType<InvalidOperationException>($"{call}: {failure}").Message.ShouldContain(
                "before the unit of work begins or after it has ended", Case.Sensitive, call);
        }
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task In_a_plain_handler_nothing_is_refused(string store) =>
        (await TryAsync(store, "plain", services => PublicWrites.TryAllAsync(services, PublicWrites.OfCore))).ShouldAllBe(
            t => t.Value == null);

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task What_a_handler_leaves_running_may_write_once_its_unit_of_work_has_ended(string store)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var left = new TaskCompletionSource<Task<Dictionary<string, Exception?>>>();
        await TryAsync(store, "handler", services =>
        {
            left.SetResult(Later());
            return Task.FromResult(new Dictionary<string, Exception?>());

            async Task<Dictionary<string, Exception?>> Later()
            {
                await ended.Task;
                return await PublicWrites.TryAllAsync(services, PublicWrites.OfCore);
            }
        }, afterwards: () =>
        {
            ended.SetResult();
            return left.Task.Unwrap();
        });
        (await (await left.Task)).ShouldAllBe(t => t.Value == null);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task One_unit_of_work_after_the_other_is_fine(string store)
    {
        await using var place = await OpenAsync(store);
        await using var host = await WorkingHost.StartAsync(s => s.Configure(o => o.Work = false), place);
        for (var i = 0; i < 3; i++)
        {
            await using (var work = await host.Database.BeginAsync())
            {
                await host.Queue.EnqueueAsync(new Beside(i), new EnqueueOptions { Queue = "nobodys" }, work);
                if (i > 0) await work.CommitAsync();
            }

            await host.Queue.EnqueueAsync(new Beside(i), new EnqueueOptions { Queue = "nobodys" });
        }

        (await host.Messages.ListAsync(new MessageFilter())).Items.Count.ShouldBe(5);
    }

    private static Task<Place> OpenAsync(string store) => store == "sqlite" ? SqlitePlace.OpenAsync() : PostgresPlace.OpenAsync();

    /// <summary>Makes the calls once from there, and hands back what came of them.</summary>
    private static async Task<Dictionary<string, Exception?>> TryAsync(
        string store, string from, Func<IServiceProvider, Task<Dictionary<string, Exception?>>> calls, Func<Task>? afterwards = null)
    {
        await using var place = await OpenAsync(store);
        var tried = new TaskCompletionSource<Dictionary<string, Exception?>>(TaskCreationOptions.RunContinuationsAsynchronously);
        IServiceProvider? services = null;
        async Task TryOnceAsync()
        {
            if (!tried.Task.IsCompleted) tried.TrySetResult(await calls(services!));
        }

        var pings = new Script<Ping>
        {
            Act = async (_, _, _) =>
            {
                await TryOnceAsync();
                return Outcome.Done;
            },
        };
        await using var host = await WorkingHost.StartAsync(
            s =>
            {
                if (from == "handler") s.HandleInTransaction<Ping, InTransaction<Ping>>();
                else if (from == "plain") s.Handle<Ping, Plain<Ping>>();
                else if (from == "batch") s.HandleBatchInTransaction<Ping, InBatch>(10);
            },
            place, s => s.AddSingleton(pings).AddSingleton(new Batched(TryOnceAsync)));
        services = host.Host.Services;
        if (from == "worker")
        {
            using var worker = new Worker(services, TryOnceAsync);
            await worker.StartAsync(default);
            await worker.ExecuteTask!;
        }
        else
        {
            var id = (await host.Queue.EnqueueAsync(new Ping(1), new EnqueueOptions { Tracked = true })).Id;
            await host.UntilAsync(id, MessageStatus.Succeeded);
        }

        if (afterwards is not null) await afterwards();
        return await tried.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    internal sealed record Batched(Func<Task> Act);

    internal sealed class InBatch(Batched batched) : ITransactionalBatchHandler<Ping>
    {
        public async Task<IReadOnlyList<Outcome>> HandleAsync(
            IReadOnlyList<Delivery<Ping>> deliveries, UnitOfWork work, CancellationToken cancellationToken)
        {
            await batched.Act();
            return [.. deliveries.Select(_ => Outcome.Done)];
        }
    }

    private sealed class Worker(IServiceProvider services, Func<Task> act) : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            await using var work = await services.GetRequiredService<SuretyDatabase>().BeginAsync(stoppingToken);
            await act();
            await work.CommitAsync();
        }
    }
}
