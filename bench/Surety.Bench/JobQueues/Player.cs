using System.Runtime;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Surety.Hosting;

namespace Surety.Bench.JobQueues;

/// <summary>
/// A child process: whole hosts of Surety, through the public interfaces. Takes the same orders as bench/queue/peers/player.mjs.
/// </summary>
internal sealed class Player(IIntake intake)
{
    private readonly Lock output = new();
    private IHost? worker;
    private Tally tally = new();
    private ITimer? ticking;
    private long allowed;
    private volatile bool halted;
    private TaskCompletionSource moved = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public static async Task<int> RunAsync(IIntake intake)
    {
        var player = new Player(intake);
        player.Say(new Said("ready"));
        Task current = Task.CompletedTask;
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var order = Line.Read<Order>(line);
            // These speak to one that is under way.
            if (order.Do is "allow" or "halt") player.Steer(order);
            else
            {
                await current;
                current = player.DoAsync(order);
                if (current.IsFaulted) await current;
            }
        }

        // Nobody is there any more to hear the end of what is under way.
        return 0;
    }

    private Task DoAsync(Order order) => order.Do switch
    {
        "open" => OpenAsync(order),
        "close" => CloseAsync(),
        "start" => StartAsync(order),
        "stop" => StopAsync(),
        "forget" => ForgetAsync(),
        "left" => LeftAsync(),
        "enqueue" => EnqueueAsync(order),
        "sustain" => SustainAsync(order),
        "pace" => PaceAsync(order),
        _ => throw new InvalidOperationException($"No such order: {order.Do}"),
    };

    private async Task OpenAsync(Order order)
    {
        await intake.OpenAsync(order);
        Say(new Said("opened"));
    }

    private async Task CloseAsync()
    {
        await intake.CloseAsync();
        Say(new Said("closed"));
    }

    private async Task StartAsync(Order order)
    {
        tally = new Tally();
        worker = await SuretyIntake.HostAsync(order, surety =>
        {
            surety.Services.AddSingleton(tally);
            // The default lets 16 handlers run at once; an engineer who wants throughput of short ones raises it.
            surety.Queue(order.Queue, q =>
            {
                q.Concurrency = order.Concurrency > 0 ? order.Concurrency : 64;
                q.Retry = Retry.Fixed(5, TimeSpan.FromSeconds(1));
            });
            if (order.Handler == "row") surety.HandleInTransaction<Job, WriteRow>(order.Queue);
            else if (order.Handler == "fail") surety.Handle<Job, FailTenth>(order.Queue);
            else surety.Handle<Job, CountJob>(order.Queue);
        });
        (intake as SuretyIntake)?.Use(worker, order);
        var told = 0L;
        ticking = TimeProvider.System.CreateTimer(
            _ =>
            {
                var now = new Said("handled") { Count = tally.Count, At = tally.At };
                if (Interlocked.Exchange(ref told, now.Count) != now.Count) Say(now);
            },
            null, TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(10));
        Say(new Said("started"));
    }

    private async Task StopAsync()
    {
        await SuretyIntake.EndAsync(worker!);
        await ticking!.DisposeAsync();
        Say(tally.Say("stopped"));
    }

    private Task ForgetAsync()
    {
        tally.Forget();
        Say(new Said("forgotten"));
        return Task.CompletedTask;
    }

    private async Task LeftAsync()
    {
        Say(new Said("left") { Count = await intake.LeftAsync() });
    }

    private async Task EnqueueAsync(Order order)
    {
        var next = order.First;
        var end = order.First + order.Count;
        var began = Tally.Now();
        await InTurnsAsync(order.InFlight, async () =>
        {
            var first = Interlocked.Add(ref next, order.PerCall) - order.PerCall;
            if (first >= end) return false;
            await intake.SendAsync(first, (int)Math.Min(order.PerCall, end - first), Tally.Now());
            return true;
        });
        Say(new Said("enqueued") { Count = order.Count, Micros = Tally.Now() - began });
    }

    private async Task SustainAsync(Order order)
    {
        (halted, allowed) = (false, order.Window);
        var sent = 0L;
        var began = Tally.Now();
        await InTurnsAsync(order.InFlight, async () =>
        {
            var mine = Interlocked.Add(ref sent, order.PerCall);
            while (!halted && mine > Interlocked.Read(ref allowed))
            {
                var next = Volatile.Read(ref moved).Task;
                if (halted || mine <= Interlocked.Read(ref allowed)) break;
                await next;
            }

            // Whoever took numbers sends them, so that none is missing in between.
            await intake.SendAsync(order.First + mine - order.PerCall, order.PerCall, Tally.Now());
            return !halted;
        });
        Say(new Said("enqueued") { Count = sent, Micros = Tally.Now() - began });
    }

    private void Steer(Order order)
    {
        if (order.Do == "halt") halted = true;
        else Interlocked.Exchange(ref allowed, order.Count);
        Interlocked.Exchange(ref moved, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }

    private async Task PaceAsync(Order order)
    {
        var calls = order.Rate * order.Seconds / order.PerCall;
        var call = -1L;
        var began = Tally.Now();
        await InTurnsAsync(order.InFlight, async () =>
        {
            var mine = Interlocked.Increment(ref call);
            if (mine >= calls) return false;
            var due = began + mine * order.PerCall * 1_000_000 / order.Rate;
            if (due - Tally.Now() is > 500 and var ahead) await Task.Delay(TimeSpan.FromMicroseconds(ahead));
            await intake.SendAsync(order.First + mine * order.PerCall, order.PerCall, due);
            return true;
        });
        Say(new Said("enqueued") { Count = calls * order.PerCall, Micros = Tally.Now() - began });
    }

    private static Task InTurnsAsync(int inFlight, Func<Task<bool>> turn) => Task.WhenAll(Enumerable.Range(0, inFlight).Select(async _ =>
    {
        await Task.Yield();
        while (await turn())
        {
        }
    }));

    private void Say(Said said)
    {
        lock (output)
        {
            Console.Out.WriteLine(Line.Of(said with { Compiled = JitInfo.GetCompilationTime().Ticks / TimeSpan.TicksPerMicrosecond }));
            Console.Out.Flush();
        }
    }
}
