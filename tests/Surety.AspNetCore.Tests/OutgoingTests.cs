using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;

namespace Surety.AspNetCore.Tests;

public sealed class OutgoingTests : IDisposable
{
    private readonly OtherSide other = new();
    private readonly List<ServiceProvider> hosts = [];

    public void Dispose()
    {
        foreach (var host in hosts) host.Dispose();
        other.Dispose();
    }

    [Theory]
    [InlineData("GET", false, 3)]
    [InlineData("PUT", false, 3)]
    [InlineData("POST", false, 1)]
    [InlineData("POST", true, 3)]
    public async Task Only_what_may_be_repeated_is_sent_again(string method, bool withKey, int sent)
    {
        other.Answer = n => n < 3 ? new(HttpStatusCode.ServiceUnavailable) : new(HttpStatusCode.OK);
        using var request = new HttpRequestMessage(new HttpMethod(method), "/") { Content = method == "GET"
            ? null : new StringContent("the body") };
        if (withKey) request.Headers.Add("Idempotency-Key", "k");
        using var answer = await Client().SendAsync(request);
        other.Sent.ShouldBe(sent);
        answer.StatusCode.ShouldBe(sent == 3 ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable);
        if (method != "GET") other.Bodies.ShouldAllBe(b => b == "the body");
    }

    [Fact]
    public async Task What_certainly_was_not_sent_is_tried_again_whatever_it_is()
    {
        other.Answer = n => n == 1 ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused") : new(HttpStatusCode.OK);
        (await Client().PostAsync("/", new StringContent(""))).StatusCode.ShouldBe(HttpStatusCode.OK);
        other.Answer = _ => throw new HttpRequestException(HttpRequestError.ResponseEnded, "reset");
        await Should.ThrowAsync<HttpRequestException>(() => Client().PostAsync("/", new StringContent("")));
        other.Sent.ShouldBe(3);
    }

    [Fact]
    public async Task The_pause_is_the_one_that_was_asked_for()
    {
        other.Answer = n => n == 1 ? Busy(TimeSpan.FromSeconds(1)) : new(HttpStatusCode.OK);
        var watch = Stopwatch.StartNew();
        (await Client().GetAsync("/")).StatusCode.ShouldBe(HttpStatusCode.OK);
        watch.Elapsed.ShouldBeGreaterThan(TimeSpan.FromMilliseconds(950));

        // Longer than there is time for: whoever called knows better what to do meanwhile.
        other.Answer = _ => Busy(TimeSpan.FromHours(1));
        (await Client().GetAsync("/")).StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        other.Sent.ShouldBe(3);
    }

    [Fact]
    public async Task A_service_that_mostly_fails_is_left_alone_for_a_while()
    {
        var client = Client(o => (o.Attempts, o.BreakAfter, o.BreakFor) = (1, 4, TimeSpan.FromMilliseconds(500)));
        var calls = hosts[^1].GetRequiredService<OutgoingCalls>();
        other.Answer = _ => new(HttpStatusCode.InternalServerError);
        for (var i = 0; i < 4; i++) (await client.GetAsync("/")).StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        calls.IsOpen("other").ShouldBeTrue();
        calls.Degraded.ShouldHaveSingleItem().ShouldContain("Calls of other are not sent");
        (await Should.ThrowAsync<CallNotSentException>(() => client.GetAsync("/"))).RetryAfter.ShouldNotBeNull();
        other.Sent.ShouldBe(4);

        other.Answer = _ => new(HttpStatusCode.OK);
        await EdgeApp.UntilAsync(async () =>
        {
            try
            {
                return (await client.GetAsync("/")).IsSuccessStatusCode;
            }
            catch (CallNotSentException)
            {
                return false;
            }
        });
        calls.IsOpen("other").ShouldBeFalse();
        calls.Degraded.ShouldBeEmpty();
    }

    [Fact]
    public async Task No_more_are_under_way_than_may_be()
    {
        var go = new Gate();
        other.Before = go.WaitAsync;
        var client = Client(o => o.MaxConcurrency = 1);
        var first = client.GetAsync("/");
        await EdgeApp.UntilAsync(() => Task.FromResult(other.Sent == 1));
        await Should.ThrowAsync<CallNotSentException>(() => client.GetAsync("/"));
        go.Open();
        (await first).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await client.GetAsync("/")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_time_out_is_a_failure_and_no_cancellation()
    {
        other.Before = cancel => Task.Delay(Timeout.Infinite, cancel);
        var client = Client(o => (o.Attempts, o.AttemptTimeout) = (1, TimeSpan.FromMilliseconds(100)));
        (await Should.ThrowAsync<HttpRequestException>(() => client.GetAsync("/"))).InnerException.ShouldBeOfType<TimeoutException>();
        using var cancelled = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
        await Should.ThrowAsync<OperationCanceledException>(() => client.GetAsync("/", cancelled.Token));
    }

    [Fact]
    public async Task A_fallback_answers_what_failed_in_the_end()
    {
        other.Answer = _ => new(HttpStatusCode.BadGateway);
        var client = Client(
            o => (o.Attempts, o.Fallback) = (2, (_, _) => new(HttpStatusCode.OK) { Content = new StringContent("yesterday's") }));
        (await client.GetStringAsync("/")).ShouldBe("yesterday's");
        other.Sent.ShouldBe(2);
    }

    [Fact]
    public async Task A_slow_read_is_overtaken_by_a_second_one()
    {
        other.Before = cancel => other.Sent == 1 ? Task.Delay(Timeout.Infinite, cancel) : Task.CompletedTask;
        (await Client(o => o.HedgeAfter = TimeSpan.FromMilliseconds(50)).GetAsync("/")).StatusCode.ShouldBe(HttpStatusCode.OK);
        other.Sent.ShouldBe(2);
    }

    [Fact]
    public async Task A_client_backs_off_as_a_quotas_headers_say()
    {
        await using var app = await EdgeApp.StartAsync(
            host => host.MapGet("/open", () => "open").AllowAnonymous(), edge =>
                edge.Quotas["default"] = new() { Permits = 1, Window = TimeSpan.FromSeconds(2), By = QuotaBy.Address });
        using var services = new ServiceCollection().AddLogging().AddHttpClient("shop").AddResilience().Services.BuildServiceProvider();
        var client = services.GetRequiredService<IHttpClientFactory>().CreateClient("shop");
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < 2; i++) (await client.GetAsync(new Uri(app.Address, "/open"))).StatusCode.ShouldBe(HttpStatusCode.OK);
        watch.Elapsed.ShouldBeGreaterThan(TimeSpan.FromMilliseconds(950));
    }

    private HttpClient Client(Action<OutgoingOptions>? configure = null)
    {
        var client = new ServiceCollection().AddLogging()
            .AddHttpClient("other", http => http.BaseAddress = new Uri("http://other.example"));
        client.ConfigurePrimaryHttpMessageHandler(() => other).AddResilience(options =>
        {
            options.Backoff = TimeSpan.FromMilliseconds(1);
            configure?.Invoke(options);
        });
        hosts.Add(client.Services.BuildServiceProvider());
        return hosts[^1].GetRequiredService<IHttpClientFactory>().CreateClient("other");
    }

    private static HttpResponseMessage Busy(TimeSpan after) =>
        new(HttpStatusCode.TooManyRequests) { Headers = { RetryAfter = new RetryConditionHeaderValue(after) } };

    private sealed class Gate
    {
        private readonly TaskCompletionSource open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task WaitAsync(CancellationToken cancel) => open.Task.WaitAsync(cancel);

        public void Open() => open.SetResult();
    }

    private sealed class OtherSide : HttpMessageHandler
    {
        private int sent;

        public int Sent => Volatile.Read(ref sent);

        public List<string> Bodies { get; } = [];

        public Func<CancellationToken, Task> Before { get; set; } = _ => Task.CompletedTask;

        public Func<int, HttpResponseMessage> Answer { get; set; } = _ => new(HttpStatusCode.OK);

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var number = Interlocked.Increment(ref sent);
            if (request.Content is { } content) Bodies.Add(await content.ReadAsStringAsync(cancellationToken));
            await Before(cancellationToken);
            return Answer(number);
        }
    }
}
