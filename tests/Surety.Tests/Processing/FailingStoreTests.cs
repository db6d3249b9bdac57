using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Surety.Processing;
using Surety.Storage;

namespace Surety.Tests.Processing;

public sealed class SqliteFailingStoreTests() : FailingStoreTests(SqlitePlace.OpenAsync);

public sealed class PostgresFailingStoreTests() : FailingStoreTests(PostgresPlace.OpenAsync);

/// <summary>
/// A scenario is run again and again, failing the n-th call to the store for n = 1, 2, … (a short run: every other) until a run has no n-th
/// call. Whatever fails, nothing may be lost and no effect doubled.
/// </summary>
public abstract class FailingStoreTests(Func<Task<Place>> open)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whichever_store_call_fails_every_message_ends_once(bool afterTheCall)
    {
        // A short run fails before the calls of odd numbers, and after those of even ones.
        var (n, step) = Counts.AreWhole ? (0, 1) : (afterTheCall ? 0 : -1, 2);
        int calls;
        do
        {
            var faults = new Faults(n += step, afterTheCall);
            await RunAsync(faults);
            calls = faults.Calls;
        }
        while (n < calls && n < 60);

        n.ShouldBeGreaterThan(8);
    }

    [Fact]
    public async Task What_a_claim_in_doubt_may_have_taken_is_handed_back_at_once_and_no_death_is_counted()
    {
        await using var place = await open();
        var faults = new Faults(1, afterTheCall: true, only: nameof(IMessageStore.ClaimAsync));
        var pings = new Script<Ping> { Act = (_, _, _) => Task.FromResult(Outcome.Done) };
        // Left to the end of its lease, the message would not be seen again in this test.
        await using var host = await WorkingHost.StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().Configure(o => o.NodeLease = TimeSpan.FromMinutes(10)),
            place,
            services =>
            {
                services.AddSingleton(pings);
                Wrap<IMessageStore>(services, faults);
            });
        await WorkingHost.UntilAsync(() => Task.FromResult(host.Get<Worker>().IsClaiming));
        faults.Armed = true;
        var info = await host.UntilAsync(
            (await host.Queue.EnqueueAsync(new Ping(1), new EnqueueOptions { Tracked = true })).Id, MessageStatus.Succeeded);
        faults.Failed.ShouldContain("ClaimAsync");
        (info.Attempt, info.Deaths).ShouldBe((1, 0));
    }

    [Fact]
    public async Task A_node_whose_store_was_away_for_longer_than_its_lease_hands_back_what_it_ran_and_no_death_is_counted()
    {
        await using var place = await open();
        var (away, runs) = (false, 0);
        var begun = new TaskCompletionSource();
        // Away is what would keep the node alive, and what would presume it dead.
        var faults = new Faults(0, afterTheCall: false, whenever: name => Volatile.Read(ref away)
            && name is nameof(INodeStore.HeartbeatAsync) or nameof(IMessageStore.RescueAsync));
        var pings = new Script<Ping>
        {
            Act = async (_, _, cancel) =>
            {
                if (Interlocked.Increment(ref runs) == 1)
                {
                    begun.SetResult();
                    await Task.Delay(Timeout.Infinite, cancel);
                }

                Volatile.Write(ref away, false);
                return Outcome.Done;
            },
        };
        await using var host = await WorkingHost.StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().Configure(o => o.NodeLease = TimeSpan.FromSeconds(1)),
            place,
            services =>
            {
                services.AddSingleton(pings);
                Wrap<IMessageStore>(services, faults);
                Wrap<INodeStore>(services, faults);
            });
        faults.Armed = true;
        var id = (await host.Queue.EnqueueAsync(new Ping(1), new EnqueueOptions { Tracked = true })).Id;
        await begun.Task;
        Volatile.Write(ref away, true);
        var info = await host.UntilAsync(id, MessageStatus.Succeeded);
        (runs, info.Deaths).ShouldBe((2, 0));
    }

    [Fact]
    public async Task A_handler_that_runs_while_a_claim_is_in_doubt_runs_on_and_is_settled()
    {
        await using var place = await open();
        var faults = new Faults(1, afterTheCall: true, only: nameof(IMessageStore.ClaimAsync));
        var (begun, may) = (new TaskCompletionSource(), new TaskCompletionSource());
        var pings = new Script<Ping>
        {
            Act = async (d, _, cancel) =>
            {
                if (d.Message.Number != 1) return Outcome.Done;
                begun.SetResult();
                await may.Task.WaitAsync(cancel);
                return Outcome.Done;
            },
        };
        await using var host = await WorkingHost.StartAsync(
            s => s.Handle<Ping, Plain<Ping>>(),
            place,
            services =>
            {
                services.AddSingleton(pings);
                Wrap<IMessageStore>(services, faults);
            });
        var longest = (await host.Queue.EnqueueAsync(new Ping(1), new EnqueueOptions { Tracked = true })).Id;
        var plain = (await host.Queue.EnqueueAsync(new Ping(2))).Id;
        await begun.Task;
        await host.UntilGoneAsync(plain);
        var node = host.Get<Worker>().Node;
        faults.Armed = true;
        await host.UntilAsync(
            (await host.Queue.EnqueueAsync(new Ping(3), new EnqueueOptions { Tracked = true })).Id, MessageStatus.Succeeded);

        faults.Failed.ShouldContain("ClaimAsync");
        may.SetResult();
        (await host.UntilAsync(longest, MessageStatus.Succeeded)).Attempts.Count.ShouldBe(1);
        host.Get<Worker>().Node.ShouldBe(node);
        pings.Seen.Select(d => d.Message.Number).Order().ShouldBe([1, 2, 3]);
    }

    private async Task RunAsync(Faults faults)
    {
        await using var place = await open();
        var pings = new Script<Ping>
        {
            Act = async (d, work, _) =>
            {
                await WorkingHost.ExecuteAsync(work!, $"INSERT INTO effect VALUES ({d.Message.Number})");
                return Outcome.Done;
            },
        };
        var pongs = new Script<Pong> { Act = (d, _, _) => Task.FromResult(d.Attempt == 1 ? Outcome.Retry("once more") : Outcome.Done) };
        await using var host = await WorkingHost.StartAsync(
            s => s.HandleInTransaction<Ping, InTransaction<Ping>>()
                .Handle<Pong, Plain<Pong>>().Queue("default", q => q.Retry = Retry.Fixed(10, TimeSpan.Zero))
                .Configure(o => o.NodeLease = TimeSpan.FromSeconds(1)),
            place,
            services =>
            {
                services.AddSingleton(pings).AddSingleton(pongs);
                Wrap<IMessageStore>(services, faults);
                Wrap<INodeStore>(services, faults);
            });
        await host.ExecuteAsync("CREATE TABLE effect (number INTEGER)");
        faults.Armed = true;

        var accepted = new List<MessageId>();
        for (var i = 0; i < 4; i++)
        {
            try
            {
                accepted.Add((await host.Queue.EnqueueAsync(new Ping(i), new EnqueueOptions { Tracked = true })).Id);
                accepted.Add((await host.Queue.EnqueueAsync(new Pong(i), new EnqueueOptions { Tracked = true })).Id);
            }
            catch (StoreException)
            {
                // Not accepted; it may be there or not.
            }
        }

        foreach (var id in accepted) await host.UntilAsync(id, MessageStatus.Succeeded);
        (await host.ScalarAsync("SELECT count(*) - count(DISTINCT number) FROM effect")).ShouldBe(0, faults.Failed);
        (await host.ScalarAsync("SELECT count(*) FROM effect")).ShouldBeGreaterThanOrEqualTo(3, faults.Failed);
    }

    private static void Wrap<T>(IServiceCollection services, Faults faults) where T : class
    {
        var real = services.Last(s => s.ServiceType == typeof(T));
        services.AddSingleton(provider =>
        {
            var proxy = DispatchProxy.Create<T, FaultyProxy>();
            ((FaultyProxy)(object)proxy).Set(
                (real.ImplementationFactory?.Invoke(
                provider) ?? real.ImplementationInstance ?? ActivatorUtilities.CreateInstance(provider, real.ImplementationType!)), faults);
            return proxy;
        });
    }

    internal sealed class Faults(int failing, bool afterTheCall, string? only = null, Func<string, bool>? whenever = null)
    {
        private int calls;

        public bool Armed { get; set; }
        public int Calls => calls;
        public string Failed { get; private set; } = "nothing failed";

        public object? Around(MethodInfo method, Func<object?> call)
        {
            if (Armed && whenever?.Invoke(method.Name) == true)
                throw new StoreException($"planted outage in {method.Name}", isTransient: true);
            if (!Armed || method.Name is "get_StoreId" or "LeaveAsync"
                || (only is not null && method.Name != only) || Interlocked.Increment(ref calls) != failing) return call();
            Failed = $"call {failing}: {method.Name}";
            var fault = new StoreException($"planted fault in {method.Name}", isTransient: true, inDoubt: afterTheCall);
            if (!afterTheCall) throw fault;
            var result = call();
            return result switch
            {
                // The call happened; its answer was lost.
                ValueTask done => new ValueTask(AnswerLost(done.AsTask(), fault)),
                not null => Lost(result, fault),
                null => null,
            };
        }

        private static async Task AnswerLost(Task task, StoreException fault)
        {
            await task;
            throw fault;
        }

        private static object Lost(object valueTask, StoreException fault)
        {
            var result = valueTask.GetType().GetGenericArguments()[0];
            return typeof(Faults).GetMethod(nameof(LostOf), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(result)
                .Invoke(null, [valueTask, fault])!;
        }

        private static ValueTask<TResult> LostOf<TResult>(ValueTask<TResult> task, StoreException fault)
        {
            return new ValueTask<TResult>(Run());

            async Task<TResult> Run()
            {
                await task;
                throw fault;
            }
        }
    }

    public class FaultyProxy : DispatchProxy
    {
        private object target = null!;
        private Faults faults = null!;

        internal void Set(object real, Faults planted) => (target, faults) = (real, planted);

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
            faults.Around(targetMethod!, () =>
            {
                try
                {
                    return targetMethod!.Invoke(target, args);
                }
                catch (TargetInvocationException e) when (e.InnerException is not null)
                {
                    System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerException);
                    throw;
                }
            });
    }
}
