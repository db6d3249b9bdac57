using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shouldly;
using Surety.Coordination;
using Surety.Processing;
using Surety.Sqlite;
using Surety.Storage;

namespace Surety.Tests.Processing;

/// <summary>
/// The whole core can run on one thread: everything that calls it or that it calls (timers, the store's answers, handlers, log, metrics,
/// failpoints, chance) is on that thread. Only the store's own work is elsewhere.
/// </summary>
public sealed class OneThreadTests : IAsyncDisposable
{
    private const int OfEachKind = 50;

    private static readonly string[] MustBeSeen =
    [
        "failpoint worker.joined",
        "failpoint attempt.committed", "failpoint settler.settled", "chance", "batch", "log LoopFailed", "log ClaimLost",
        "log PresumedDead",
        "log Drained", "meter surety.lease.lost", "IMessageStore.RescueAsync", "IMessageStore.PruneAsync", "IQueues.ListAsync",
    ];

    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(5);

    private readonly OneThread thread = new();
    private readonly ConcurrentBag<string> elsewhere = [];
    private readonly ConcurrentDictionary<string, int> calls = [];
    private readonly HashSet<string> attempted = [];
    private readonly TaskCompletionSource lastBegun = new();
    private readonly SqlitePlace place = new();
    private readonly Random seeded = new(20261130);
    private int handbacks;
    private bool claimWasLost;

    [Fact]
    public async Task Workers_attempts_settlements_upkeep_and_handlers_never_leave_their_one_thread()
    {
        using var meters = new MeterListener();
        var host = await StartAsync();
        Listen(meters, host.Get<IMeterFactory>());
        await host.ExecuteAsync("CREATE TABLE effect (number INTEGER)");

        for (var i = 0; i < OfEachKind; i++)
        {
            var number = i;
            object[] messages = [new Single(number), new Effect(number), new Many(number), new ManyEffects(number)];
            await thread.RunAsync(async () => await host.Queue.EnqueueAsync([.. messages.Select(m => new Envelope(m))]));
        }

        await WorkingHost.UntilAsync(
            async () => await host.ScalarAsync("SELECT count(*) FROM surety_message") == 0,
            () => string.Join(", ", calls),
            TimeSpan.FromSeconds(60));
        (await host.ScalarAsync("SELECT count(*) FROM effect")).ShouldBe(2 * OfEachKind);
        (await host.ScalarAsync("SELECT count(DISTINCT number) FROM effect")).ShouldBe(2 * OfEachKind);

        // A drain that has to ask a handler to stop.
        await thread.RunAsync(async () => await host.Queue.EnqueueAsync(new Single(-1)));
        await lastBegun.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await host.DisposeAsync();

        elsewhere.Distinct().ShouldBeEmpty();
        (claimWasLost, handbacks).ShouldBe((true, 1));
        MustBeSeen.Except(calls.Keys).ShouldBeEmpty(string.Join(", ", calls.Keys));
    }

    public async ValueTask DisposeAsync()
    {
        thread.Dispose();
        await place.DisposeAsync();
    }

    private Task<WorkingHost> StartAsync() => WorkingHost.StartAsync(
        surety => surety
            .Handle<Single, SingleHandler>().HandleInTransaction<Effect, EffectHandler>()
            .HandleBatch<Many, ManyHandler>(10, Soon).HandleBatchInTransaction<ManyEffects, ManyEffectsHandler>(10, Soon)
            .Queue("default", q => q.Retry = Retry.Fixed(50, Soon))
            .Queue("one.many", q => q.Retry = Retry.Fixed(50, Soon))
            .Queue("one.many-effects", q => q.Retry = Retry.Fixed(50, Soon))
            .Configure(o => (o.NodeLease, o.DrainLimit, o.PollInterval) = (TimeSpan.FromSeconds(1), 20 * Soon, 10 * Soon)),
        place,
        services =>
        {
            services.AddSingleton(this).AddSingleton(new Home(thread));
            // The store works on threads of its own.
            services.AddSingleton(new Failpoints(name =>
            {
                if (!Failpoint.Sqlite.Concat(Failpoint.Postgres).Contains(name)) Seen($"failpoint {name}");
            }));
            services.AddSingleton(new Chance(() =>
            {
                Seen("chance");
                return seeded.NextDouble();
            }));
            services.AddSingleton<TimeProvider>(new PostedTime(thread));
            services.AddSingleton<ILoggerFactory>(new SeenLog(this));
            Watch<IMessageStore>(services);
            Watch<INodeStore>(services);
            Watch<IQueues>(services);
        });

    /// <summary>Something of the core happened; returns how often it has.</summary>
    private int Seen(string what)
    {
        if (!thread.IsHere) elsewhere.Add(what);
        return calls.AddOrUpdate(what, 1, (_, n) => n + 1);
    }

    private void Listen(MeterListener listener, IMeterFactory scope)
    {
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Meter.Scope == scope && !instrument.IsObservable) listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, _, _, _) => Seen($"meter {instrument.Name}"));
        listener.SetMeasurementEventCallback<double>((instrument, _, _, _) => Seen($"meter {instrument.Name}"));
        listener.Start();
    }

    /// <summary>What every handler does: its first attempt at every third number fails.</summary>
    private async Task WorkAsync(string kind, int number)
    {
        Seen(kind);
        await Task.Yield();
        Seen(kind);
        if (number % 3 == 0 && attempted.Add($"{kind} {number}")) throw new InvalidOperationException("planted");
    }

    private void Watch<T>(IServiceCollection services) where T : class
    {
        var real = services.Last(s => s.ServiceType == typeof(T)).ImplementationFactory!;
        services.AddSingleton(provider =>
        {
            var proxy = DispatchProxy.Create<T, Proxy>();
            ((Proxy)(object)proxy).Watch(real(provider), typeof(T).Name, this);
            return proxy;
        });
    }

    /// <summary>Sees every call, and fails some.</summary>
    public class Proxy : DispatchProxy
    {
        private object real = null!;
        private string noun = "";
        private OneThreadTests test = null!;

        internal void Watch(object target, string name, OneThreadTests of) => (real, noun, test) = (target, name, of);

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            var name = targetMethod!.Name;
            var times = test.Seen($"{noun}.{name}");
            var isDoubtful = name is nameof(IMessageStore.ClaimAsync) or nameof(IMessageStore.SettleAsync);
            var isFailing = name switch
            {
                nameof(INodeStore.JoinAsync) => times == 1,
                nameof(INodeStore.HeartbeatAsync) => times == 2,
                _ => isDoubtful && times % 9 == 0,
            };
            if (isFailing) throw new StoreException($"planted in {name}", isTransient: true, inDoubt: isDoubtful);
            return targetMethod.Invoke(real, BindingFlags.DoNotWrapExceptions, null, args, null);
        }
    }

    [Message("one.single")]
    public sealed record Single(int Number);

    [Message("one.effect")]
    public sealed record Effect(int Number);

    [Message("one.many")]
    public sealed record Many(int Number);

    [Message("one.many-effects")]
    public sealed record ManyEffects(int Number);

    private sealed class SingleHandler(OneThreadTests test, INodeStore nodes, Worker worker) : IHandler<Single>
    {
        public async Task<Outcome> HandleAsync(Delivery<Single> delivery, CancellationToken cancellationToken)
        {
            await test.WorkAsync("single", Math.Abs(delivery.Message.Number));
            if (delivery.Message.Number == -1)
            {
                test.lastBegun.TrySetResult();
                await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(Home.Quietly);
                test.Seen("asked to stop");
                test.handbacks++;
                cancellationToken.ThrowIfCancellationRequested();
            }

            if (delivery.Message.Number == 25 && !test.claimWasLost)
            {
                test.claimWasLost = true;
                await nodes.LeaveAsync(worker.Node!.Value, cancellationToken);
            }

            return Outcome.Done;
        }
    }

    private sealed class EffectHandler(OneThreadTests test) : ITransactionalHandler<Effect>
    {
        public async Task<Outcome> HandleAsync(Delivery<Effect> delivery, UnitOfWork work, CancellationToken cancellationToken)
        {
            await WorkingHost.ExecuteAsync(work, $"INSERT INTO effect VALUES ({delivery.Message.Number})");
            await test.WorkAsync("effect", delivery.Message.Number);
            return Outcome.Done;
        }
    }

    private sealed class ManyHandler(OneThreadTests test) : IBatchHandler<Many>
    {
        public async Task<IReadOnlyList<Outcome>> HandleAsync(IReadOnlyList<Delivery<Many>> deliveries, CancellationToken cancellationToken)
        {
            if (deliveries.Count > 1) test.Seen("batch");
            foreach (var delivery in deliveries) await test.WorkAsync("many", delivery.Message.Number);
            return [.. deliveries.Select(_ => Outcome.Done)];
        }
    }

    private sealed class ManyEffectsHandler(OneThreadTests test) : ITransactionalBatchHandler<ManyEffects>
    {
        public async Task<IReadOnlyList<Outcome>> HandleAsync(
            IReadOnlyList<Delivery<ManyEffects>> deliveries, UnitOfWork work, CancellationToken cancellationToken)
        {
            foreach (var delivery in deliveries)
            {
                await WorkingHost.ExecuteAsync(work, $"INSERT INTO effect VALUES ({OfEachKind + delivery.Message.Number})");
                await test.WorkAsync("many effects", delivery.Message.Number);
            }

            return [.. deliveries.Select(_ => Outcome.Done)];
        }
    }

    /// <summary>Real time, whose timers fire on the one thread.</summary>
    private sealed class PostedTime(OneThread thread) : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(_ => thread.Post(s => callback(s), state), null, dueTime, period);
    }

    private sealed class SeenLog(OneThreadTests test) : ILoggerFactory, ILogger
    {
        // What the host itself logs, and what opens the store before there is anything to run, are not the core's loops.
        public ILogger CreateLogger(string categoryName) =>
            categoryName.StartsWith("Surety.", StringComparison.Ordinal) && !categoryName.EndsWith("Life", StringComparison.Ordinal)
                ? this
                : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            test.Seen($"log {eventId.Name}");

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
