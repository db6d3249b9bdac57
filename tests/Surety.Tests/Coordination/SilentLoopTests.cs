using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Surety.Coordination;
using Surety.Storage;
using Surety.StoreContract;
using Surety.Tests.Processing;

namespace Surety.Tests.Coordination;

public sealed class SilentLoopTests
{
    [Fact]
    public async Task Every_loop_that_a_host_runs_is_named_by_its_health_when_it_falls_silent()
    {
        var clock = new ShiftedTime();
        using var store = new SilentStore();
        // Uploads are looked at once at the start, and then not for a while.
        using var uploads = new SilentStore { IsSilent = true };
        await using var place = new SqlitePlace();
        var may = new TaskCompletionSource();
        // One message ends, so that there is something to settle; one runs on, so that there is something to watch.
        var pings = new Script<Ping>
        {
            Act = async (delivery, _, cancel) =>
            {
                if (delivery.Message.Number == 1) await Task.Delay(Timeout.Infinite, cancel);
                await may.Task;
                return Outcome.Done;
            },
        };
        await using var host = await WorkingHost.StartAsync(
            s => s.Handle<Ping, Plain<Ping>>().UseBlobFolder(Path.Combine(Path.GetDirectoryName(place.Path)!, "blobs"))
                .Configure(o => (o.NodeLease, o.DrainLimit) = (TimeSpan.FromSeconds(3), TimeSpan.Zero)),
            place,
            services =>
            {
                services.AddSingleton(pings).AddSingleton<TimeProvider>(clock);
                store.StandBetween(services, typeof(IMessageStore));
                store.StandBetween(services, typeof(INodeStore));
                uploads.StandBetween(services, typeof(IUploadStore));
            });
        await host.Queue.EnqueueAsync([new Envelope(new Ping(1)), new Envelope(new Ping(2))]);
        await WorkingHost.UntilAsync(() => Task.FromResult(pings.Seen.Count == 2));

        store.IsSilent = true;
        may.SetResult();
        await WorkingHost.UntilAsync(
            () => Task.FromResult(uploads.HangsIn("DueAsync")
                // And the upkeep, wherever it is.
                && store.HangsIn("ClaimAsync", "SettleAsync", "CancelRequestsAsync", "HeartbeatAsync") && store.Hanging >= 5),
            store.ToString);
        var health = host.Get<SuretyHealth>();
        health.Problems.ShouldBeEmpty();

        clock.Advance(TimeSpan.FromMinutes(10));
        var loops = host.Get<Supervisor>().Loops;
        loops.Count.ShouldBeGreaterThan(5);
        var said = (string[])[.. health.Problems, .. health.Degraded];
        foreach (var loop in loops)
            said.ShouldContain(line => line.StartsWith($"The {loop.Name} loop has not turned for 6", StringComparison.Ordinal));
        health.Problems.Count.ShouldBe(loops.Count(loop => !loop.CanWait));
        store.IsSilent = uploads.IsSilent = false;
    }

    /// <summary>A store that, told to, takes calls and never answers.</summary>
    public sealed class SilentStore : IDisposable
    {
        private readonly ConcurrentBag<string> hanging = [];
        private readonly CancellationTokenSource released = new();
        private volatile bool isSilent;

        public bool IsSilent
        {
            get => isSilent;
            set
            {
                isSilent = value;
                if (!value) released.Cancel();
            }
        }

        public int Hanging => hanging.Count;

        public bool HangsIn(params string[] calls) => calls.All(c => hanging.Contains(c));

        internal void StandBetween(IServiceCollection services, Type noun)
        {
            var real = services.Last(s => s.ServiceType == noun).ImplementationFactory!;
            services.AddSingleton(noun, provider =>
            {
                var proxy = (Proxy)DispatchProxy.Create(noun, typeof(Proxy));
                (proxy.Real, proxy.Store) = (real(provider), this);
                return proxy;
            });
        }

        public override string ToString() => $"calls hang in {string.Join(", ", hanging)}";

        public void Dispose() => released.Dispose();

        public class Proxy : DispatchProxy
        {
            internal object Real = null!;
            internal SilentStore Store = null!;

            protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
            {
                if (!Store.IsSilent) return targetMethod!.Invoke(Real, args);
                Store.hanging.Add(targetMethod!.Name);
                var never = typeof(Proxy).GetMethod(nameof(Never), BindingFlags.Instance | BindingFlags.NonPublic)!;
                var result = targetMethod.ReturnType.IsGenericType ? targetMethod.ReturnType.GetGenericArguments()[0] : typeof(bool);
                var call = never.MakeGenericMethod(result).Invoke(this, [args!.OfType<CancellationToken>().Single()])!;
                return targetMethod.ReturnType == typeof(ValueTask)
                    ? new ValueTask((Task)call)
                    : Activator.CreateInstance(targetMethod.ReturnType, call);
            }

            private async Task<T> Never<T>(CancellationToken cancel)
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, Store.released.Token);
                await Task.Delay(Timeout.Infinite, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancel.ThrowIfCancellationRequested();
                throw new StoreException("The store was silent for long.", isTransient: true);
            }
        }
    }
}
