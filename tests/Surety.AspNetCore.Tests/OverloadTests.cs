using System.Net.Sockets;
using System.Text;
using Surety.AspNetCore.Limits;

namespace Surety.AspNetCore.Tests;

public class OverloadTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Deposits deposits = new();
    private int working;

    [Theory]
    [InlineData(64, 64, 0.5, 70)]     // used up, and nobody waits: more
    [InlineData(5, 5, 1.0, 6)]
    [InlineData(990, 990, 0.0, 1000)] // not beyond the most
    [InlineData(64, 10, 0.5, 64)]     // never used: nothing is known
    [InlineData(12, 10, 0.5, 13)]     // after an overload: back to where it started
    [InlineData(64, 64, 1.1, 51)]     // a queue stands: less
    [InlineData(64, 64, 2.0, 32)]     // as much less as is waited too long
    [InlineData(64, 64, 50.0, 16)]    // but not all at once
    [InlineData(64, 40, 1.1, 32)]     // from what there was, not from what there might have been
    [InlineData(2, 2, 9.0, 2)]        // not below the least
    [InlineData(64, 64, null, 64)]    // nothing measured
    public void What_may_be_at_work_follows_the_waits(int limit, int peak, double? strain, int next) =>
        Admission.Next(limit, peak, strain, new EdgeOptions()).ShouldBe(next);

    [Theory]
    [InlineData(5, 15)]   // thrice as long, but by no more than may be
    [InlineData(50, 100)] // by more than may be, but nothing like twice as long
    public void A_command_is_late_when_it_takes_twice_as_long_as_usual_and_longer_than_may_be(int usualMs, int mostMs) =>
        Learned(usualMs).Most(TimeSpan.FromMilliseconds(10)).ShouldBe(TimeSpan.FromMilliseconds(mostMs));

    [Theory]
    [InlineData(5, 15)]
    [InlineData(50, 75)]
    public void While_others_are_turned_away_it_is_late_when_it_takes_half_as_long_again(int usualMs, int mostMs) =>
        Learned(usualMs).Most(TimeSpan.FromMilliseconds(10), turnsAway: true).ShouldBe(TimeSpan.FromMilliseconds(mostMs));

    [Fact]
    public void A_stall_is_nothing_to_get_used_to()
    {
        var pace = Learned(5);
        // Ten who waited for the same thing, a second each, and nobody else meanwhile.
        for (var i = 0; i < 10; i++) pace.Note(TimeSpan.FromSeconds(1), calm: false, 1_100 + i, frequency: 1000);
        pace.Most(TimeSpan.FromMilliseconds(10))!.Value.ShouldBeLessThan(TimeSpan.FromMilliseconds(15.2));
    }

    [Fact]
    public void What_is_usual_is_learned_at_ease_in_a_moment_and_under_load_in_minutes()
    {
        var (calm, loaded) = (new Pace(), new Pace());
        var (usual, slow, maxDelay) = (TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(30), TimeSpan.FromMilliseconds(10));
        for (var i = 0; i < 100; i++)
        {
            calm.Note(usual, calm: true, i, frequency: 1000);
            loaded.Note(usual, calm: true, i, frequency: 1000);
        }

        for (var i = 100; i < 200; i++) calm.Note(slow, calm: true, i, frequency: 1000);
        calm.Most(maxDelay)!.Value.ShouldBeGreaterThan(slow);
        // A minute of overload, and ten: what stays so is no overload.
        for (var i = 100; i < 60_000; i += 10) loaded.Note(slow, calm: false, i, frequency: 1000);
        loaded.Most(maxDelay)!.Value.ShouldBeLessThan(slow);
        for (var i = 60_000; i < 600_000; i += 10) loaded.Note(slow, calm: false, i, frequency: 1000);
        loaded.Most(maxDelay)!.Value.ShouldBeGreaterThan(slow);
    }

    [Fact]
    public void Commands_that_take_longer_than_usual_let_less_in_though_nothing_waits_here()
    {
        var admission = new Admission(Microsoft.Extensions.Options.Options.Create(new EdgeOptions()), TimeProvider.System);
        var pace = new Pace();
        void End(int times, int ms)
        {
            for (var i = 0; i < times; i++) admission.Ended(pace, TimeSpan.FromMilliseconds(ms), admission.IsCalm);
            admission.WaitedForThread(TimeSpan.Zero);
            admission.Adjust();
        }

        End(40, 5);
        for (var i = admission.Limit; i > 0; i--) admission.TryEnter(RequestPriority.Normal).ShouldBeTrue();
        admission.IsCalm.ShouldBeFalse();
        for (var i = 0; i < 20; i++) End(10, 40);
        admission.Limit.ShouldBe(2);
        // One slow one among many is its own affair.
        for (var i = 0; i < 5; i++)
        {
            while (admission.TryEnter(RequestPriority.Normal))
            {
            }

            for (var one = 0; one < 4; one++) admission.Ended(pace, TimeSpan.FromSeconds(3), wasCalm: false);
            End(5, 5);
        }

        admission.Limit.ShouldBe(7);
    }

    [Fact]
    public void A_standing_queue_lets_less_in_until_it_is_gone()
    {
        var admission = new Admission(Microsoft.Extensions.Options.Options.Create(new EdgeOptions()), TimeProvider.System);
        var first = admission.Limit;
        for (var i = 0; i < first; i++) admission.TryEnter(RequestPriority.Normal).ShouldBeTrue();
        for (var i = 0; i < 20; i++)
        {
            admission.WaitedForThread(TimeSpan.Zero);
            admission.WaitedForStore(TimeSpan.FromMilliseconds(50));
            admission.Adjust();
        }

        admission.Limit.ShouldBe(2);
        admission.IsShedding.ShouldBeFalse();
        for (var i = 0; i < first - 1; i++) admission.Leave(RequestPriority.Normal);
        admission.TryEnter(RequestPriority.Normal).ShouldBeTrue();
        admission.TryEnter(RequestPriority.Normal).ShouldBeFalse();
        admission.IsShedding.ShouldBeTrue();
        for (var i = 0; i < 100; i++)
        {
            while (admission.TryEnter(RequestPriority.Normal))
            {
            }

            admission.WaitedForThread(TimeSpan.FromMilliseconds(1));
            admission.Adjust();
        }

        admission.Limit.ShouldBeGreaterThan(64);
    }

    [Fact]
    public void Operators_enter_though_more_are_at_work_than_a_limit_that_has_just_gone_down()
    {
        var admission = new Admission(Microsoft.Extensions.Options.Options.Create(new EdgeOptions()), TimeProvider.System);
        for (var i = admission.Limit; i > 0; i--) admission.TryEnter(RequestPriority.Normal).ShouldBeTrue();
        for (var i = 0; i < 5; i++)
        {
            admission.WaitedForStore(TimeSpan.FromSeconds(1));
            admission.Adjust();
        }

        admission.Limit.ShouldBe(2);
        admission.AtWork.ShouldBeGreaterThan(Admission.OfHigh(2) + 2);
        for (var i = 0; i < Admission.OfHigh(2); i++) admission.TryEnter(RequestPriority.High).ShouldBeTrue();
        admission.TryEnter(RequestPriority.High).ShouldBeFalse();
        admission.Leave(RequestPriority.High);
        admission.TryEnter(RequestPriority.Normal).ShouldBeFalse();
        admission.TryEnter(RequestPriority.High).ShouldBeTrue();
    }

    [Fact]
    public async Task A_full_host_refuses_before_it_looks_at_anything_and_serves_probes_and_operators()
    {
        await using var app = await StartAsync(most: 1);
        var olga = await app.ClientAsync("olga", "operator");
        (await olga.FetchAsync("/quick")).ShouldBe(200);
        var slow = await OccupyAsync(app);

        var refused = (await app.Alice.FetchAsync("/quick")).ShouldBeProblem(503, "overloaded");
        int.Parse(refused["Retry-After"]!).ShouldBeInRange(1, 3);
        // Neither who asks nor what he sends is looked at.
        (await app.Client("sk_wrong").PostAsync("/deposits", "{", ("Idempotency-Key", "k"))).ShouldBeProblem(503, "overloaded");
        (await app.Client().FetchAsync("/readyz")).Text.ShouldBe("ok");
        (await olga.FetchAsync("/readyz?verbose")).Text.ShouldContain("Overloaded: requests are refused");
        (await olga.FetchAsync("/quick")).ShouldBe(200);
        // Not who only says that he is one.
        (await app.Client(olga.DefaultRequestHeaders.Authorization!.Parameter![..^1] + "x").FetchAsync("/quick")).ShouldBe(503);

        go.SetResult();
        (await slow).ShouldBe(200);
        await EdgeApp.UntilAsync(async () => (await app.Alice.FetchAsync("/quick")).Status == 200);
        (await app.Alice.DepositAsync("k")).ShouldBe(201);
    }

    [Fact]
    public async Task What_matters_less_gives_way_first()
    {
        await using var app = await StartAsync(most: 4);
        var slow = new[] { await OccupyAsync(app), await OccupyAsync(app), await OccupyAsync(app) };
        (await app.Alice.FetchAsync("/low")).ShouldBeProblem(503, "overloaded");
        (await app.Alice.FetchAsync("/quick")).ShouldBe(200);
        await EdgeApp.UntilAsync(() => Task.FromResult(app.Get<Admission>().AtWork == 3));
        var last = await OccupyAsync(app);
        (await app.Alice.FetchAsync("/quick")).ShouldBeProblem(503, "overloaded");
        (await app.Alice.FetchAsync("/high")).ShouldBe(200);
        go.SetResult();
        await Task.WhenAll([.. slow, last]);
    }

    [Fact]
    public async Task A_route_takes_as_many_as_it_says()
    {
        await using var app = await StartAsync(most: 100);
        var first = app.Alice.FetchAsync("/narrow");
        await EdgeApp.UntilAsync(() => Task.FromResult(working == 1));
        (await app.Alice.FetchAsync("/narrow")).ShouldBeProblem(503, "overloaded").Text.ShouldContain("takes 1 requests at a time");
        (await app.Alice.FetchAsync("/quick")).ShouldBe(200);
        go.SetResult();
        (await first).ShouldBe(200);
        await EdgeApp.UntilAsync(async () => (await app.Alice.FetchAsync("/narrow")).Status == 200);
    }

    [Fact]
    public async Task Who_sends_slowly_or_waits_keeps_out_nobody()
    {
        await using var app = await StartAsync(most: 1);
        var sockets = new List<TcpClient>();
        for (var i = 0; i < 20; i++)
        {
            var socket = new TcpClient();
            sockets.Add(socket);
            await socket.ConnectAsync(app.Address.Host, app.Address.Port);
            var head =
                $"POST /deposits HTTP/1.1\r\nHost: edge\r\nAuthorization: "
                    + $"{app.Alice.DefaultRequestHeaders.Authorization}\r\nIdempotency-Key: drip-{i}\r\nContent-Type: "
                        + "application/json\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n";
            // One after the other: each has a place until its body is waited for, which is when the server asks for it.
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head));
            var line = new byte[25];
            await socket.GetStream().ReadExactlyAsync(line).AsTask().WaitAsync(Patience);
            Encoding.ASCII.GetString(line).ShouldBe("HTTP/1.1 100 Continue\r\n\r\n");
            await EdgeApp.UntilAsync(() => Task.FromResult(app.Get<Admission>().AtWork == 0));
        }

        var waiting = app.Alice.FetchAsync("/waits");
        await EdgeApp.UntilAsync(() => Task.FromResult(working == 1));
        (await app.Alice.DepositAsync("k")).ShouldBe(201);
        go.SetResult();
        (await waiting).ShouldBe(200);
        foreach (var socket in sockets) socket.Dispose();
    }

    [Fact]
    public async Task Who_works_too_long_is_stopped()
    {
        await using var app = await EdgeApp.StartAsync(
            host =>
            {
                host.MapGet("/stuck", async (CancellationToken cancel) => await Task.Delay(Timeout.Infinite, cancel));
                host.MapPost("/stuck", async (CancellationToken cancel) => await Task.Delay(Timeout.Infinite, cancel));
                host.MapGet("/own", async (CancellationToken cancel) => await Task.Delay(TimeSpan.FromMilliseconds(400), cancel))
                    .WithRequestTimeout(Patience);
            },
            edge => edge.RequestTimeout = TimeSpan.FromMilliseconds(200));
        (await app.Alice.FetchAsync("/stuck")).ShouldBeProblem(504, "timeout");
        (await app.Alice.PostAsync("/stuck", "{}")).ShouldBeProblem(504, "timeout", outcome: "unknown");
        (await app.Alice.FetchAsync("/own")).ShouldBe(200);
    }

    private static Pace Learned(int usualMs)
    {
        var pace = new Pace();
        for (var i = 0; i < 100; i++) pace.Note(TimeSpan.FromMilliseconds(usualMs), calm: true, i, frequency: 1000);
        return pace;
    }

    private async Task<Task<Answer>> OccupyAsync(EdgeApp app)
    {
        var before = Volatile.Read(ref working);
        var answer = app.Alice.FetchAsync("/slow");
        await EdgeApp.UntilAsync(() => Task.FromResult(Volatile.Read(ref working) == before + 1));
        return answer;
    }

    private Task<EdgeApp> StartAsync(int most) => EdgeApp.StartAsync(
        host =>
        {
            deposits.Map(host);
            host.MapGet("/quick", () => "");
            host.MapGet("/low", () => "").WithPriority(RequestPriority.Low);
            host.MapGet("/high", () => "").WithPriority(RequestPriority.High);
            host.MapGet("/slow", WorkAsync);
            host.MapGet("/narrow", WorkAsync).LimitConcurrency(1);
            host.MapGet("/waits", WorkAsync).LongRunning();
        },
        edge => (edge.MinConcurrency, edge.MaxConcurrency) = (most, most));

    private async Task WorkAsync()
    {
        Interlocked.Increment(ref working);
        await go.Task.WaitAsync(Patience);
    }
}
