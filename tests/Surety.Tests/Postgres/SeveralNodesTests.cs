using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Surety.Storage;
using Surety.StoreContract;
using Surety.Tests.Processing;

namespace Surety.Tests.Postgres;

/// <summary>Several hosts on one database, one of which is cut off, or all of which disagree about the time.</summary>
public sealed class SeveralNodesTests : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);
    private static int made;
    private readonly string schema = $"n{Interlocked.Increment(ref made)}";
    private PostgresServer server = null!;

    public async ValueTask InitializeAsync()
    {
        server = await PostgresServer.SharedAsync();
        await server.ExecuteAsync($"CREATE SCHEMA {schema}; CREATE TABLE {schema}.effect (number INTEGER, by TEXT)");
    }

    public async ValueTask DisposeAsync() => await server.ExecuteAsync($"DROP SCHEMA {schema} CASCADE");

    [Fact]
    public async Task A_node_that_is_cut_off_hands_its_messages_over_in_time_and_changes_nothing_when_it_is_back()
    {
        await using var wire = new Wire(server.Port);
        var (begun, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        var ended = new TaskCompletionSource();
        await using var cutOff = await HostAsync("cut off", wire.Port, async (d, work) =>
        {
            await EffectAsync(work, d.Message.Number, "cut off");
            begun.TrySetResult();
            await goOn.Task;
            ended.TrySetResult();
        });
        var id = (await cutOff.Queue.EnqueueAsync(new Ping(7), new EnqueueOptions { Tracked = true })).Id;
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(30));
        wire.Cut();

        var since = Stopwatch.GetTimestamp();
        await using var heir = await HostAsync("heir", server.Port, (d, work) => EffectAsync(work, d.Message.Number, "heir"));
        var info = await heir.UntilAsync(id, MessageStatus.Succeeded);
        // The lease, the pause between two looks for dead nodes, and what a busy machine adds.
        Stopwatch.GetElapsedTime(since).ShouldBeLessThan(Lease + (Lease / 3) + TimeSpan.FromSeconds(10));
        info.Attempts.Select(a => a.Outcome).ShouldBe([AttemptOutcome.Lost, AttemptOutcome.Done]);

        wire.Mend();
        goOn.SetResult();
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
        // It works again, and is the node for it.
        await heir.Host.StopAsync();
        var again = await EnqueueUntilKnownAsync(cutOff, new Ping(8));
        await UntilAsync(cutOff, again, info => info.Status == MessageStatus.Succeeded);
        (await server.ScalarAsync<string>($"SELECT string_agg(number || ' by ' || by, ', ' ORDER BY number) FROM {schema}.effect"))
            .ShouldBe("7 by heir, 8 by cut off");
        await UntilAsync(cutOff, id, info => info.Attempts.Count == 2);
    }

    [Fact]
    public async Task A_message_taken_out_of_its_segment_while_its_handler_runs_is_handled_again_with_one_effect()
    {
        var handled = 0;
        var store = new TaskCompletionSource<IMessageStore>();
        await using var host = await HostAsync("node", server.Port, async (d, work) =>
        {
            await EffectAsync(work, d.Message.Number, "node");
            if (Interlocked.Increment(ref handled) == 1)
                await (await store.Task).ReportAsync([(new Claim(d.Id, d.ClaimNumber), new Progress(1, 2, null, null))], default);
        });
        store.SetResult(host.Host.Services.GetRequiredService<IMessageStore>());
        var id = (await host.Queue.EnqueueAsync(new Ping(7))).Id;

        await host.UntilGoneAsync(id);
        handled.ShouldBe(2);
        (await server.ScalarAsync<long>($"SELECT count(*) FROM {schema}.effect")).ShouldBe(1);
    }

    // As below: reads may meet a connection of before the cut.
    private static Task UntilAsync(WorkingHost host, MessageId id, Func<MessageInfo, bool> condition) => WorkingHost.UntilAsync(async () =>
    {
        try
        {
            return await host.Messages.FindAsync(id) is { } info && condition(info);
        }
        catch (StoreException e) when (e.IsTransient)
        {
            return false;
        }
    });

    // A connection of before the cut may be the first to be tried; the unique key makes the repeat harmless.
    private static async Task<MessageId> EnqueueUntilKnownAsync(WorkingHost host, Ping ping)
    {
        while (true)
        {
            try
            {
                return (await host.Queue.EnqueueAsync(ping, new EnqueueOptions { Tracked = true, UniqueKey = $"{ping.Number}" })).Id;
            }
            catch (StoreException e) when (e.IsTransient)
            {
            }
        }
    }

    [Fact]
    public async Task Nodes_whose_clocks_are_hours_apart_share_the_work_handle_each_message_once_and_none_too_early()
    {
        var handled = new ConcurrentBag<(int Number, string By, long At)>();
        var hosts = new List<WorkingHost>();
        foreach (var hours in new[] { -7, 0, 5 })
        {
            var by = $"{hours} h";
            hosts.Add(await HostAsync(by, server.Port, async (d, work) =>
            {
                await EffectAsync(work, d.Message.Number, by);
                handled.Add((d.Message.Number, by, Stopwatch.GetTimestamp()));
            }, Shifted(hours)));
        }

        try
        {
            var sent = Stopwatch.GetTimestamp();
            for (var i = 0; i < 60; i++)
                await hosts[i % 3].Queue.EnqueueAsync(new Ping(i), new EnqueueOptions { Delay = TimeSpan.FromSeconds(i % 2 == 0 ? 0 : 1) });
            await WorkingHost.UntilAsync(async () =>
                await server.ScalarAsync<long>($"SELECT count(*) FROM {schema}.effect") == 60, () => $"{handled.Count} of 60 were handled");
            (await server.ScalarAsync<long>($"SELECT count(DISTINCT number) FROM {schema}.effect")).ShouldBe(60);
            handled.Where(h => h.Number % 2 == 1).ShouldAllBe(h => Stopwatch.GetElapsedTime(sent, h.At) >= TimeSpan.FromSeconds(1));
            // For longer than a lease, nobody takes anybody for dead.
            var nodes = await server.ScalarAsync<long>($"SELECT count(*) FROM {schema}.node");
            var beats = await server.ScalarAsync<DateTime>($"SELECT min(lease_until) FROM {schema}.node");
            await WorkingHost.UntilAsync(
                async () => await server.ScalarAsync<DateTime>($"SELECT min(lease_until) FROM {schema}.node") > beats + Lease);
            (nodes, await server.ScalarAsync<long>($"SELECT count(*) FROM {schema}.node WHERE dead_at IS NULL")).ShouldBe((3, 3));
        }
        finally
        {
            foreach (var host in hosts) await host.DisposeAsync();
        }
    }

    private Task<WorkingHost> HostAsync(string name, int port, Func<Delivery<Ping>, UnitOfWork, Task> act, TimeProvider? time = null)
    {
        var pings = new Script<Ping>
        {
            Act = async (d, work, _) =>
            {
                await act(d, work!);
                return Outcome.Done;
            },
        };
        var connectionString =
            $"Host=127.0.0.1;Port={port};Username=surety;Database=postgres;Search Path={schema};Maximum Pool Size=10;Command "
                + $"Timeout=2;Timeout=2";
        return WorkingHost.StartAsync(
            s => s.HandleInTransaction<Ping, InTransaction<Ping>>().Configure(o => (o.NodeName, o.NodeLease) = (name, Lease)),
            new FrozenNode.Schema(connectionString, schema),
            services =>
            {
                services.AddSingleton(pings);
                if (time is not null) services.AddSingleton(time);
            });
    }

    private static ShiftedTime Shifted(int hours)
    {
        var time = new ShiftedTime();
        time.Jump(TimeSpan.FromHours(hours));
        return time;
    }

    private static Task EffectAsync(UnitOfWork work, int number, string by) =>
        WorkingHost.ExecuteAsync(work, $"INSERT INTO effect VALUES ({number}, '{by}')");
}
