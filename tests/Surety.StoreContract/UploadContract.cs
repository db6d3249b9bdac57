using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class UploadContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public async Task An_upload_is_found_as_it_was_added()
    {
        var added = (await AddAsync("a1", length: 5_000_000_000, metadata: new Dictionary<string, string> { ["filename"] = "bücher.csv" }))
            .ShouldNotBeNull();
        (await FindAsync("a1")).ShouldSatisfyAllConditions(
            u => u.ShouldBe(added with { Metadata = u.Metadata, Sha256 = u.Sha256 }),
                u => u.Route.ShouldBe("/files"), u => u.Owner.ShouldBe("ada"), u => u.State.ShouldBe(UploadState.Open),
            u => u.Offset.ShouldBe(0), u => u.Length.ShouldBe(5_000_000_000),
            u => u.Metadata.ShouldBe(new Dictionary<string, string> { ["filename"] = "bücher.csv" }), u => u.Blob.ShouldBeNull(),
            u => u.Writer.ShouldBe(0), u => u.IsHandedOver.ShouldBeFalse(),
            u => u.Sha256.IsEmpty.ShouldBeTrue(),
                u => u.Message.ShouldBeNull(), u => u.CreatedAt.ShouldBe(Clock.Now), u => u.ExpiresAt.ShouldBe(Clock.Now + Day));
        (await Store.Uploads.FindAsync("a2", default)).ShouldBeNull();
        (await Store.Uploads.ExistsAsync("a1", default)).ShouldBeTrue();
        (await Store.Uploads.ExistsAsync("a2", default)).ShouldBeFalse();
    }

    [Fact]
    public async Task An_owner_has_only_so_many_unfinished_ones_however_many_ask_at_once()
    {
        var added = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => AddAsync($"a{i}", mostOpen: 3).AsTask()));
        added.Count(u => u is not null).ShouldBe(3);
        (await AddAsync("b1", owner: "bob", mostOpen: 3)).ShouldNotBeNull();

        var first = added.First(u => u is not null)!;
        (await Store.Uploads.EndAsync(first.Id, UploadState.Open, UploadState.Deleted, Day, default)).ShouldBeTrue();
        (await AddAsync("c1", mostOpen: 3)).ShouldNotBeNull("one of the three has ended");
        (await AddAsync("c2", mostOpen: 3)).ShouldBeNull();
        Clock.Advance(Day);
        (await AddAsync("c3", mostOpen: 3)).ShouldNotBeNull("all have expired");
    }

    [Fact]
    public async Task The_offset_moves_on_only_from_where_it_is()
    {
        await AddAsync("a1", length: 100);
        var writer = await TakeAsync("a1", 0);
        (await AdvanceAsync("a1", writer, 0, 60)).ShouldBeTrue();
        (await AdvanceAsync("a1", writer, 0, 80)).ShouldBeFalse("it is further already");
        (await AdvanceAsync("a1", writer, 60, 40)).ShouldBeFalse("it never goes back");
        (await AdvanceAsync("a1", writer, 60, 101)).ShouldBeFalse("it would be longer than was said");
        (await FindAsync("a1")).Offset.ShouldBe(60);
        (await AdvanceAsync("a1", writer, 60, 100)).ShouldBeTrue();
        (await AdvanceAsync("a2", writer, 0, 1)).ShouldBeFalse("there is none");
    }

    [Fact]
    public async Task Each_writer_has_a_number_of_its_own_and_only_the_newest_changes_the_row()
    {
        await AddAsync("a1");
        var first = await TakeAsync("a1", 0);
        first.ShouldBeGreaterThan(0);
        (await AdvanceAsync("a1", first, 0, 10, "1 10")).ShouldBeTrue();
        var second = await TakeAsync("a1", 10);
        second.ShouldBeGreaterThan(first);
        (await AdvanceAsync("a1", first, 10, 20, "1 20")).ShouldBeFalse("somebody newer is there");
        (await Store.Uploads.SetLengthAsync("a1", first, 70, default)).ShouldBeFalse();
        (await FindAsync("a1")).ShouldSatisfyAllConditions(
            u => u.Offset.ShouldBe(10), u => u.Blob.ShouldBe("1 10"), u => u.Length.ShouldBeNull(),
            u => u.Writer.ShouldBe(0, "who finds it has not taken it"));
        (await AdvanceAsync("a1", second, 10, 30, "1 10\n2 20")).ShouldBeTrue();
        (await AdvanceAsync("a1", first, 30, 40, "1 40")).ShouldBeFalse();
        (await FindAsync("a1")).ShouldSatisfyAllConditions(u => u.Offset.ShouldBe(30), u => u.Blob.ShouldBe("1 10\n2 20"));
    }

    [Fact]
    public async Task Only_its_owner_at_its_route_and_offset_becomes_the_writer_and_nobody_else_stops_one()
    {
        await AddAsync("a1");
        var writer = await TakeAsync("a1", 0);
        (await AdvanceAsync("a1", writer, 0, 10)).ShouldBeTrue();
        foreach (var (route, owner, offset) in new[]
        {
            ("/others", "ada", 10L), ("/files", "bob", 10), ("/files", "ada", 9), ("/files", "ada", 11), ("/files", "ada", 0),
        })
        {
            var found = (await Store.Uploads.TakeAsync("a1", route, owner, offset, default)).ShouldNotBeNull();
            (found.Writer, found.IsHandedOver, found.Offset).ShouldBe((0, false, 10));
        }

        (await AdvanceAsync("a1", writer, 10, 20)).ShouldBeTrue();
        (await Store.Uploads.TakeAsync("a2", "/files", "ada", 0, default)).ShouldBeNull();
    }

    [Fact]
    public async Task A_segment_is_handed_over_only_by_the_writer_just_before()
    {
        await AddAsync("a1");
        var first = (await Store.Uploads.TakeAsync("a1", "/files", "ada", 0, default)).ShouldNotBeNull();
        first.IsHandedOver.ShouldBeTrue("there was nobody before");
        (await AdvanceAsync("a1", first.Writer, 0, 10)).ShouldBeTrue();
        (await HandedAsync(10)).ShouldBeFalse("the first has not said that it is done");
        (await AdvanceAsync("a1", first.Writer + 1, 10, 20, isLast: true)).ShouldBeTrue();
        (await HandedAsync(20)).ShouldBeTrue();
        (await HandedAsync(20)).ShouldBeFalse("somebody came between who has not said so");
        (await AdvanceAsync("a1", first.Writer + 3, 20, 20, isLast: true)).ShouldBeTrue();
        (await AdvanceAsync("a1", first.Writer + 2, 20, 20, isLast: true)).ShouldBeFalse("one that is too old hands over nothing");
        (await HandedAsync(20)).ShouldBeTrue();

        async Task<bool> HandedAsync(long offset) =>
            (await Store.Uploads.TakeAsync("a1", "/files", "ada", offset, default)).ShouldNotBeNull().IsHandedOver;
    }

    [Fact]
    public async Task Of_many_that_write_on_at_once_one_is_noted()
    {
        await AddAsync("a1", length: 100);
        var writers = await Task.WhenAll(Enumerable.Range(1, 8).Select(_ => TakeAsync("a1", 0)));
        writers.Distinct().Count().ShouldBe(8);
        var noted = await Task.WhenAll(writers.Select(w => AdvanceAsync("a1", w, 0, w * 10).AsTask()));
        writers[Array.IndexOf(noted, true)].ShouldBe(writers.Max());
        noted.Count(n => n).ShouldBe(1);
        (await FindAsync("a1")).Offset.ShouldBe(writers.Max() * 10);
    }

    [Fact]
    public async Task One_that_has_ended_has_no_writer_any_more()
    {
        await AddAsync("a1", length: 20);
        var aborted = await TakeAsync("a1", 0);
        (await AdvanceAsync("a1", aborted, 0, 10)).ShouldBeTrue();
        (await Store.Uploads.EndAsync("a1", UploadState.Open, UploadState.Deleted, Day, default)).ShouldBeTrue();
        await ShouldHaveNoneAsync("a1", aborted, 10);

        await AddAsync("a2", length: 20);
        var completed = await TakeAsync("a2", 0);
        (await AdvanceAsync("a2", completed, 0, 20, "1 20")).ShouldBeTrue();
        (await CompleteAloneAsync("a2")).ShouldBeTrue();
        await ShouldHaveNoneAsync("a2", completed, 20);
        (await FindAsync("a2")).Blob.ShouldBe("1 20");

        await AddAsync("a3", length: 20);
        var expired = await TakeAsync("a3", 0);
        (await AdvanceAsync("a3", expired, 0, 10)).ShouldBeTrue();
        Clock.Advance(Day);
        await ShouldHaveNoneAsync("a3", expired, 10);
        (await Store.Uploads.EndAsync("a3", UploadState.Open, UploadState.Expired, Day, default)).ShouldBeTrue();
        await ShouldHaveNoneAsync("a3", expired, 10);

        async Task ShouldHaveNoneAsync(string id, long writer, long offset)
        {
            (await Store.Uploads.TakeAsync(id, "/files", "ada", offset, default)).ShouldNotBeNull().Writer.ShouldBe(0);
            (await AdvanceAsync(id, writer, offset, 20, "9 20")).ShouldBeFalse();
            (await AdvanceAsync(id, writer + 1, offset, 20, "9 20")).ShouldBeFalse();
            (await FindAsync(id)).Offset.ShouldBe(offset);
        }
    }

    // Whichever comes first, the other one finds it done.
    [Fact]
    public async Task Of_an_abort_an_expiry_and_a_step_at_once_none_is_done_half()
    {
        for (var i = 0; i < 10; i++)
        {
            var id = $"a{i}";
            await AddAsync(id, length: 20);
            var writer = await TakeAsync(id, 0);
            var step = AdvanceAsync(id, writer, 0, 20, "1 20").AsTask();
            var ends = await Task.WhenAll(
                Store.Uploads.EndAsync(id, UploadState.Open, UploadState.Deleted, Day, default).AsTask(),
                Store.Uploads.EndAsync(id, UploadState.Open, UploadState.Expired, Day, default).AsTask(),
                CompleteAloneAsync(id));
            var moved = await step;
            var upload = await FindAsync(id);
            ends.Count(e => e).ShouldBe(1);
            upload.State.ShouldBe(ends[0] ? UploadState.Deleted : ends[1] ? UploadState.Expired : UploadState.Complete);
            (upload.Offset, upload.Blob).ShouldBe(moved ? (20, "1 20") : (0, null));
            if (ends[2]) moved.ShouldBeTrue();
        }
    }

    [Fact]
    public async Task One_is_forgotten_only_when_it_has_ended()
    {
        await AddAsync("a1", length: 0);
        await Store.Uploads.RemoveAsync("a1", default);
        (await CompleteAloneAsync("a1")).ShouldBeTrue();
        await Store.Uploads.RemoveAsync("a1", default);
        (await Store.Uploads.EndAsync("a1", UploadState.Complete, UploadState.Consumed, Day, default)).ShouldBeTrue();
        await Store.Uploads.RemoveAsync("a1", default);
        (await Store.Uploads.ExistsAsync("a1", default)).ShouldBeFalse();
    }

    [Fact]
    public async Task The_length_is_said_once()
    {
        await AddAsync("a1");
        var writer = await TakeAsync("a1", 0);
        (await AdvanceAsync("a1", writer, 0, 50)).ShouldBeTrue();
        (await Store.Uploads.SetLengthAsync("a1", writer, 49, default)).ShouldBeFalse("more has come already");
        (await Store.Uploads.SetLengthAsync("a1", writer, 70, default)).ShouldBeTrue();
        (await Store.Uploads.SetLengthAsync("a1", writer, 80, default)).ShouldBeFalse();
        (await FindAsync("a1")).Length.ShouldBe(70);
    }

    [Fact]
    public async Task It_is_complete_exactly_if_its_message_exists()
    {
        await AddAsync("a1", length: 3);
        await AdvanceAsync("a1", await TakeAsync("a1", 0), 0, 3);
        await using (var left = await Store.Database.BeginAsync())
        {
            (await CompleteAsync("a1", left)).ShouldBeTrue();
        }

        (await FindAsync("a1")).State.ShouldBe(UploadState.Open);
        await using var work = await Store.Database.BeginAsync();
        var message = (await Store.Messages.EnqueueAsync([Message()], work.Transaction, default))[0].Id;
        (await Store.Uploads.CompleteAsync("a1", Digest, message, work.Transaction, default)).ShouldBeTrue();
        await work.CommitAsync();
        (await FindAsync("a1")).ShouldSatisfyAllConditions(
            u => u.State.ShouldBe(UploadState.Complete), u => u.Message.ShouldBe(message), u => u.Sha256.ToArray().ShouldBe(Digest));
        (await StatusAsync(message)).ShouldBe(MessageStatus.Queued);
    }

    [Fact]
    public async Task It_is_found_by_a_flow_that_has_a_unit_of_work_open()
    {
        await AddAsync("a1", length: 3);
        await AdvanceAsync("a1", await TakeAsync("a1", 0), 0, 3);
        await using var work = await Store.Database.BeginAsync();
        (await FindAsync("a1")).Offset.ShouldBe(3);
        (await Store.Uploads.FindAsync("nobodys", default)).ShouldBeNull();
    }

    [Fact]
    public async Task It_is_completed_once_and_only_when_all_is_there()
    {
        await AddAsync("a1", length: 3);
        var writer = await TakeAsync("a1", 0);
        await AdvanceAsync("a1", writer, 0, 2);
        (await CompleteAloneAsync("a1")).ShouldBeFalse("a byte is missing");
        await AdvanceAsync("a1", writer, 2, 3);
        (await CompleteAloneAsync("a1")).ShouldBeTrue();
        (await CompleteAloneAsync("a1")).ShouldBeFalse("it is complete");
        (await AdvanceAsync("a1", writer, 3, 3)).ShouldBeFalse();
        (await Store.Uploads.EndAsync("a1", UploadState.Open, UploadState.Deleted, Day, default)).ShouldBeFalse();

        await AddAsync("a2");
        (await CompleteAloneAsync("a2")).ShouldBeFalse("nobody has said how long it is");
    }

    [Fact]
    public async Task One_that_is_not_finished_in_time_has_expired()
    {
        await AddAsync("a1", length: 3);
        var writer = await TakeAsync("a1", 0);
        (await DueAsync()).ShouldBeEmpty();
        Clock.Advance(Day - TimeSpan.FromMilliseconds(1));
        (await AdvanceAsync("a1", writer, 0, 1)).ShouldBeTrue();
        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await FindAsync("a1")).State.ShouldBe(UploadState.Expired);
        (await AdvanceAsync("a1", writer, 1, 2)).ShouldBeFalse();
        (await DueAsync()).ShouldBe(["a1"]);
        (await Store.Uploads.EndAsync("a1", UploadState.Open, UploadState.Expired, Day, default)).ShouldBeTrue();
        (await DueAsync()).ShouldBeEmpty();
        Clock.Advance(Day);
        (await DueAsync()).ShouldBe(["a1"]);
        await Store.Uploads.RemoveAsync("a1", default);
        (await Store.Uploads.FindAsync("a1", default)).ShouldBeNull();
    }

    [Fact]
    public async Task Those_that_wait_longest_are_looked_at_first()
    {
        foreach (var id in new[] { "a2", "a1", "a3" })
        {
            await AddAsync(id, length: 0);
            await CompleteAloneAsync(id);
            Clock.Advance(TimeSpan.FromSeconds(1));
        }

        (await DueAsync()).ShouldBe(["a2", "a1", "a3"]);
        (await DueAsync(1)).ShouldBe(["a2"]);
        await Store.Uploads.LookAgainAsync("a2", TimeSpan.Zero, default);
        (await DueAsync()).ShouldBe(["a1", "a3", "a2"]);
        await Store.Uploads.LookAgainAsync("a1", Day, default);
        (await DueAsync()).ShouldBe(["a3", "a2"]);
    }

    private static readonly byte[] Digest = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    private ValueTask<UploadRecord?> AddAsync(
        string id, long? length = null, string owner = "ada", int mostOpen = 100, Dictionary<string, string>? metadata = null) =>
        Store.Uploads.AddAsync(
            new NewUpload { Id = id, Route = "/files", Owner = owner, Length = length, Metadata = metadata ?? [] }, Day, mostOpen, default);

    private async Task<UploadRecord> FindAsync(string id) => (await Store.Uploads.FindAsync(id, default)).ShouldNotBeNull();

    private async Task<long> TakeAsync(string id, long offset) =>
        (await Store.Uploads.TakeAsync(id, "/files", "ada", offset, default)).ShouldNotBeNull().Writer;

    private ValueTask<bool> AdvanceAsync(string id, long writer, long from, long to, string? blob = null, bool isLast = false) =>
        Store.Uploads.AdvanceAsync(id, new UploadStep(writer, from, to, blob, isLast), default);

    private ValueTask<bool> CompleteAsync(string id, UnitOfWork work) =>
        Store.Uploads.CompleteAsync(id, Digest, new MessageId(7), work.Transaction, default);

    private async Task<bool> CompleteAloneAsync(string id)
    {
        await using var work = await Store.Database.BeginAsync();
        var done = await CompleteAsync(id, work);
        await work.CommitAsync();
        return done;
    }

    private async Task<IEnumerable<string>> DueAsync(int limit = 100) => (await Store.Uploads.DueAsync(limit, default)).Select(u => u.Id);
}
