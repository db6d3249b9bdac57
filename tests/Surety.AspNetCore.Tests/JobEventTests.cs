using Surety.AspNetCore.Jobs;




namespace Surety.AspNetCore.Tests;

public class JobEventTests
{
    private readonly Walk walk = new();

    [Fact]
    public async Task Each_state_comes_once_in_order_and_then_the_end()
    {
        await using var app = await StartAsync();
        var job = await StartWalkAsync(app);
        using var events = await EventReader.OpenAsync(app.Alice, job + "/events");
        events["Content-Type"].ShouldBe("text/event-stream");
        events["Cache-Control"].ShouldBe("no-store");
        events["X-Accel-Buffering"].ShouldBe("no");
        var seen = await ReadAsync(events, until: e => e.Done == 1);
        walk.Step();
        seen.AddRange(await ReadAsync(events, until: e => e.Done == 2));
        walk.Step();
        seen.AddRange(await ReadAsync(events, until: e => e.Done == 3));
        walk.Step();
        seen.AddRange(await ReadAsync(events, until: e => e.Name == "end"));
        (await events.NextAsync()).ShouldBeNull();

        events.RetryMs.ShouldBe(1000);
        seen.Select(e => e.Id).ShouldBeUnique();
        seen.ShouldAllBe(e => e.Id != null);
        var states = seen.Where(e => e.Name == "message").ToList();
        states[^1].Status.ShouldBe("succeeded");
        states.Where(e => e.Status == "running" && e.Done is not null).Select(e => e.Done).ShouldBe([1, 2, 3]);
        (seen[^1].Name, seen[^1].Status).ShouldBe(("end", "succeeded"));

        // A browser comes back by itself, and is told to stop; one that was cut off before the end gets the end alone.
        (await app.Alice.FetchAsync(job + "/events", ("Last-Event-ID", seen[^1].Id!))).ShouldBe(204);
        using var again = await EventReader.OpenAsync(app.Alice, job + "/events", states[^1].Id);
        (await again.NextAsync())!.Name.ShouldBe("end");
        using var late = await EventReader.OpenAsync(app.Alice, job);
        (await ReadAsync(late, until: e => e.Name == "end")).Select(e => (e.Name, e.Status))
            .ShouldBe([("message", "succeeded"), ("end", "succeeded")]);
    }

    [Fact]
    public async Task Whoever_was_cut_off_goes_on_behind_what_he_has_seen_and_has_missed_nothing()
    {
        await using var app = await StartAsync();
        var job = await StartWalkAsync(app);
        string lastId;
        using (var events = await EventReader.OpenAsync(app.Alice, job + "/events"))
        {
            await ReadAsync(events, until: e => e.Done == 1);
            lastId = events.LastId!;
        }

        // Away while two steps are made.
        for (var step = 2; step <= 3; step++)
        {
            walk.Step();
            await EdgeApp.UntilAsync(
                async () => (await app.Alice.FetchAsync(job)).Text.Contains($"\"done\":{step}", StringComparison.Ordinal));
            // Each step is looked at by the host before the next one.
            var made = step;
            await EdgeApp.UntilAsync(() => Task.FromResult(app.Get<JobFeeds>().Newest(job)?.Progress?.Done == made));
        }

        using var back = await EventReader.OpenAsync(app.Alice, job + "/events", lastId);
        var seen = await ReadAsync(back, until: e => e.Done == 3);
        seen.Select(e => (e.Name, e.Done)).ShouldBe([("message", 2), ("message", 3)]);
    }

    [Fact]
    public async Task What_is_not_remembered_any_more_is_said_to_be_missing()
    {
        await using var app = await StartAsync();
        var job = (await app.Alice.PostAsync("/walks/later", "{}"))["Location"]!;
        using var events = await EventReader.OpenAsync(app.Alice, job + "/events", "77-3");
        var (gap, state) = ((await events.NextAsync())!, (await events.NextAsync())!);
        (gap.Name, gap.Id).ShouldBe(("gap", "77-3"));
        (state.Name, state.Status).ShouldBe(("message", "scheduled"));
        // What no stream has given out is no reason to speak of one.
        using var strange = await EventReader.OpenAsync(app.Alice, job + "/events", "what");
        (await strange.NextAsync())!.Name.ShouldBe("message");
    }

    [Fact]
    public async Task A_stream_on_which_nothing_happens_is_kept_alive()
    {
        await using var app = await StartAsync(edge => edge.Heartbeat = TimeSpan.FromMilliseconds(100));
        var job = (await app.Alice.PostAsync("/walks/later", "{}"))["Location"]!;
        using var events = await EventReader.OpenAsync(app.Alice, job + "/events");
        await events.CommentsAsync(3);
    }

    [Fact]
    public async Task A_caller_and_a_host_have_only_so_many_streams()
    {
        await using var app = await StartAsync(edge => (edge.MaxStreams, edge.MaxStreamsPerCaller) = (3, 2));
        var job = (await app.Alice.PostAsync("/walks/later", "{}"))["Location"]!;
        var bob = await app.ClientAsync("bob");
        var bobs = (await bob.PostAsync("/walks/later", "{}"))["Location"]!;
        using (var first = await EventReader.OpenAsync(app.Alice, job + "/events"))
        using (var second = await EventReader.OpenAsync(app.Alice, job))
        {
            (await app.Alice.FetchAsync(job + "/events")).ShouldBeProblem(429, "streams-exceeded")["Retry-After"].ShouldBe("5");
            using var third = await EventReader.OpenAsync(bob, bobs + "/events");
            (await bob.FetchAsync(bobs + "/events")).ShouldBeProblem(503, "overloaded")["Retry-After"].ShouldBe("5");
            (await bob.FetchAsync(bobs)).ShouldBe(200);
            app.Get<JobFeeds>().Count.ShouldBe(2);
        }

        // Who leaves makes room.
        await EdgeApp.UntilAsync(() => Task.FromResult(app.Get<StreamRoom>().Open == 0));
        using var next = await EventReader.OpenAsync(app.Alice, job + "/events");
        (await next.NextAsync())!.Status.ShouldBe("scheduled");
    }

    [Fact]
    public async Task A_host_that_stops_ends_its_streams_and_tells_nobody_that_the_job_has_ended()
    {
        await using var app = await StartAsync();
        var job = (await app.Alice.PostAsync("/walks/later", "{}"))["Location"]!;
        using var events = await EventReader.OpenAsync(app.Alice, job + "/events");
        (await events.NextAsync())!.Status.ShouldBe("scheduled");
        var stopping = app.Host.StopAsync();
        (await events.NextAsync()).ShouldBeNull();
        await stopping.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_stream_ends_after_a_while_and_whoever_may_still_see_the_job_goes_on()
    {
        await using var app = await StartAsync();
        app.Get<StreamRoom>().Longest = TimeSpan.FromMilliseconds(300);
        var job = (await app.Alice.PostAsync("/walks/later", "{}"))["Location"]!;
        using var events = await EventReader.OpenAsync(app.Alice, job + "/events");
        (await events.NextAsync())!.Status.ShouldBe("scheduled");
        (await events.NextAsync()).ShouldBeNull();

        using var again = await EventReader.OpenAsync(app.Alice, job + "/events", events.LastId);
        (await app.Alice.SendAsync(HttpMethod.Delete, job)).ShouldBe(204);
        (await again.NextAsync())!.Status.ShouldBe("cancelled");
        (await again.NextAsync())!.Name.ShouldBe("end");
        await app.Get<ApiKeys>().RevokeAsync((await app.Get<ApiKeys>().ListAsync()).Single(k => k.Principal == "alice").Prefix);
        (await app.Alice.FetchAsync(job + "/events")).ShouldBeProblem(401, "unauthenticated");
    }

    [Fact]
    public async Task A_job_that_is_requeued_while_it_is_remembered_is_streamed_anew()
    {
        walk.Refuses = true;
        await using var app = await StartAsync();
        var accepted = await app.Alice.PostAsync("/walks", "{}");
        var job = accepted["Location"]!;
        using var events = await EventReader.OpenAsync(app.Alice, job + "/events");
        walk.Step();
        var end = (await ReadAsync(events, until: e => e.Name == "end"))[^1];
        end.Status.ShouldBe("dead");

        walk.Refuses = false;
        (await app.Get<IDeadLetters>().RequeueAsync(accepted.Job)).ShouldBeTrue();
        using var again = await EventReader.OpenAsync(app.Alice, job + "/events", end.Id);
        for (var i = 0; i < 3; i++) walk.Step();
        (await ReadAsync(again, until: e => e.Name == "end"))[^1].Status.ShouldBe("succeeded");
    }

    [Fact]
    public async Task A_stream_is_its_jobs_owners()
    {
        await using var app = await StartAsync();
        var job = (await app.Alice.PostAsync("/walks/later", "{}"))["Location"]!;
        (await (await app.ClientAsync("bob")).FetchAsync(job + "/events", ("Accept", "text/event-stream")))
            .ShouldBeProblem(404, "not-found");
        (await app.Client().FetchAsync(job + "/events")).ShouldBeProblem(401, "unauthenticated");
        app.Get<StreamRoom>().Open.ShouldBe(0);
        // Whoever takes both gets the status, unless he would rather have the stream.
        (await app.Alice.FetchAsync(job, ("Accept", "application/json, text/event-stream;q=0.5")))
            .ShouldBe(200)["Content-Type"].ShouldBe("application/json");
        (await app.Alice.FetchAsync(job, ("Accept", "*/*"))).ShouldBe(200)["Content-Type"].ShouldBe("application/json");
    }

    private static async Task<List<ServerEvent>> ReadAsync(EventReader events, Func<ServerEvent, bool> until)
    {
        var seen = new List<ServerEvent>();
        do seen.Add((await events.NextAsync()).ShouldNotBeNull("the stream has ended"));
        while (!until(seen[^1]));
        return seen;
    }

    /// <summary>A job that has made its first step and waits for the next.</summary>
    private static async Task<string> StartWalkAsync(EdgeApp app)
    {
        var job = (await app.Alice.PostAsync("/walks", "{}")).ShouldBe(202)["Location"]!;
        await EdgeApp.UntilAsync(async () => (await app.Alice.FetchAsync(job)).Text.Contains("\"done\":1", StringComparison.Ordinal));
        return job;
    }

    private Task<EdgeApp> StartAsync(Action<EdgeOptions>? edge = null) => EdgeApp.StartAsync(
        host =>
        {
            host.MapJob<TakeAWalk>("/walks");
            host.MapPost("/walks/later", (TakeAWalk message, Surety.Jobs jobs) =>
                jobs.AcceptAsync(message, new EnqueueOptions { Delay = TimeSpan.FromHours(1) })).AcceptIdempotencyKey();
        },
        edge, s => s.Handle<TakeAWalk, Walk>().Configure(o => o.DrainLimit = TimeSpan.Zero), b => b.Services.AddSingleton(walk));

    [Message("walk")]
    private sealed record TakeAWalk;

    /// <summary>Reports a step, and waits until the test lets it make the next.</summary>
    private sealed class Walk : IHandler<TakeAWalk>
    {
        private const int Steps = 3;
        private readonly SemaphoreSlim go = new(0);

        public bool Refuses { get; set; }

        public void Step() => go.Release();

        public async Task<Outcome> HandleAsync(Delivery<TakeAWalk> delivery, CancellationToken cancellationToken)
        {
            for (var step = 1; step <= Steps; step++)
            {
                delivery.ReportProgress(step, Steps, "steps");
                await go.WaitAsync(cancellationToken);
                if (Refuses) return Outcome.Reject("The walker is tired.");
            }

            return Outcome.Done;
        }
    }
}

file static class Feeds
{
    public static MessageInfo? Newest(this JobFeeds feeds, string job) =>
        feeds.Find(MessageId.Parse(job["/jobs/".Length..].Split('-')[0], null))?.Newest;
}
