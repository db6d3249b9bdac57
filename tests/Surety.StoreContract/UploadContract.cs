using Shouldly;
using Surety.Storage;

namespace Surety.StoreContract;

public abstract class UploadContract<TFixture> : StoreContract<TFixture> where TFixture : StoreFixture, new()
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public async Task An_upload_is_found_as_it_was_added()
    {
        var added = (await AddAsync("a1", length: 5_000_000_000, metadata: new Dictionary<string, string> { ["filename"] = "bücher.csv" })).ShouldNotBeNull();
        (await FindAsync("a1")).ShouldSatisfyAllConditions(
            u => u.ShouldBe(added with { Metadata = u.Metadata, Sha256 = u.Sha256 }), u => u.Route.ShouldBe("/files"), u => u.Owner.ShouldBe("ada"), u => u.State.ShouldBe(UploadState.Open),
            u => u.Offset.ShouldBe(0), u => u.Length.ShouldBe(5_000_000_000), u => u.Metadata.ShouldBe(new Dictionary<string, string> { ["filename"] = "bücher.csv" }), u => u.Blob.ShouldBeNull(),
            u => u.Sha256.IsEmpty.ShouldBeTrue(), u => u.Message.ShouldBeNull(), u => u.CreatedAt.ShouldBe(Clock.Now), u => u.ExpiresAt.ShouldBe(Clock.Now + Day));
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
        (await AdvanceAsync("a1", 0, 60)).ShouldBeTrue();
        (await AdvanceAsync("a1", 0, 80)).ShouldBeFalse("somebody else has written on");
        (await AdvanceAsync("a1", 60, 40)).ShouldBeFalse("it never goes back");
        (await AdvanceAsync("a1", 60, 101)).ShouldBeFalse("it would be longer than was said");
        (await FindAsync("a1")).Offset.ShouldBe(60);
        (await AdvanceAsync("a1", 60, 100)).ShouldBeTrue();
        (await AdvanceAsync("a2", 0, 1)).ShouldBeFalse("there is none");
    }

    [Fact]
    public async Task Of_many_that_write_on_at_once_one_is_noted()
    {
        await AddAsync("a1", length: 100);
        var noted = await Task.WhenAll(Enumerable.Range(1, 8).Select(i => AdvanceAsync("a1", 0, i * 10).AsTask()));
        noted.Count(n => n).ShouldBe(1);
        (await FindAsync("a1")).Offset.ShouldBe((Array.IndexOf(noted, true) + 1) * 10);
    }

    [Fact]
    public async Task The_length_is_said_once()
    {
        await AddAsync("a1");
        (await AdvanceAsync("a1", 0, 50)).ShouldBeTrue();
        (await Store.Uploads.SetLengthAsync("a1", 49, default)).ShouldBeFalse("more has come already");
        (await Store.Uploads.SetLengthAsync("a1", 70, default)).ShouldBeTrue();
        (await Store.Uploads.SetLengthAsync("a1", 80, default)).ShouldBeFalse();
        (await FindAsync("a1")).Length.ShouldBe(70);
    }

    [Fact]
    public async Task It_is_complete_exactly_if_its_message_exists()
    {
        await AddAsync("a1", length: 3);
        await AdvanceAsync("a1", 0, 3);
        await using (var left = await Store.Database.BeginAsync())
        {
            (await CompleteAsync("a1", left)).ShouldBeTrue();
        }

        (await FindAsync("a1")).State.ShouldBe(UploadState.Open);
        await using var work = await Store.Database.BeginAsync();
        var message = (await Store.Messages.EnqueueAsync([Message()], work.Transaction, default))[0].Id;
        (await Store.Uploads.CompleteAsync("a1", Digest, message, work.Transaction, default)).ShouldBeTrue();
        await work.CommitAsync();
        (await FindAsync("a1")).ShouldSatisfyAllConditions(u => u.State.ShouldBe(UploadState.Complete), u => u.Message.ShouldBe(message), u => u.Sha256.ToArray().ShouldBe(Digest));
        (await StatusAsync(message)).ShouldBe(MessageStatus.Queued);
    }

    [Fact]
    public async Task It_is_found_by_a_flow_that_has_a_unit_of_work_open()
    {
        await AddAsync("a1", length: 3);
        await AdvanceAsync("a1", 0, 3);
        await using var work = await Store.Database.BeginAsync();
        (await FindAsync("a1")).Offset.ShouldBe(3);
        (await Store.Uploads.FindAsync("nobodys", default)).ShouldBeNull();
    }

    [Fact]
    public async Task It_is_completed_once_and_only_when_all_is_there()
    {
        await AddAsync("a1", length: 3);
        await AdvanceAsync("a1", 0, 2);
        (await CompleteAloneAsync("a1")).ShouldBeFalse("a byte is missing");
        await AdvanceAsync("a1", 2, 3);
        (await CompleteAloneAsync("a1")).ShouldBeTrue();
        (await CompleteAloneAsync("a1")).ShouldBeFalse("it is complete");
        (await AdvanceAsync("a1", 3, 3)).ShouldBeFalse();
        (await Store.Uploads.EndAsync("a1", UploadState.Open, UploadState.Deleted, Day, default)).ShouldBeFalse();

        await AddAsync("a2");
        (await CompleteAloneAsync("a2")).ShouldBeFalse("nobody has said how long it is");
    }

    [Fact]
    public async Task One_that_is_not_finished_in_time_has_expired()
    {
        await AddAsync("a1", length: 3);
        (await DueAsync()).ShouldBeEmpty();
        Clock.Advance(Day - TimeSpan.FromMilliseconds(1));
        (await AdvanceAsync("a1", 0, 1)).ShouldBeTrue();
        Clock.Advance(TimeSpan.FromMilliseconds(1));
        (await FindAsync("a1")).State.ShouldBe(UploadState.Expired);
        (await AdvanceAsync("a1", 1, 2)).ShouldBeFalse();
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

    [Fact]
    public async Task What_the_blob_store_notes_is_kept()
    {
        await AddAsync("a1");
        await Store.Uploads.NoteBlobAsync("a1", "part-upload-7", default);
        (await FindAsync("a1")).Blob.ShouldBe("part-upload-7");
    }

    private static readonly byte[] Digest = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    private ValueTask<UploadRecord?> AddAsync(string id, long? length = null, string owner = "ada", int mostOpen = 100, Dictionary<string, string>? metadata = null) =>
        Store.Uploads.AddAsync(new NewUpload { Id = id, Route = "/files", Owner = owner, Length = length, Metadata = metadata ?? [] }, Day, mostOpen, default);

    private async Task<UploadRecord> FindAsync(string id) => (await Store.Uploads.FindAsync(id, default)).ShouldNotBeNull();

    private ValueTask<bool> AdvanceAsync(string id, long from, long to) => Store.Uploads.AdvanceAsync(id, from, to, default);

    private ValueTask<bool> CompleteAsync(string id, UnitOfWork work) => Store.Uploads.CompleteAsync(id, Digest, new MessageId(7), work.Transaction, default);

    private async Task<bool> CompleteAloneAsync(string id)
    {
        await using var work = await Store.Database.BeginAsync();
        var done = await CompleteAsync(id, work);
        await work.CommitAsync();
        return done;
    }

    private async Task<IEnumerable<string>> DueAsync(int limit = 100) => (await Store.Uploads.DueAsync(limit, default)).Select(u => u.Id);
}
