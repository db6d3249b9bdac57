using SQLitePCL;
using Shouldly;
using Surety.Sqlite.Hosting;

namespace Surety.Tests.Sqlite;

/// <summary>Those who wait together share one commit to disk, and nothing else.</summary>
public sealed class GroupCommitTests : IAsyncLifetime
{
    private readonly DatabaseFile file = new();
    private SqliteStore store = null!;
    private int commits;

    public async ValueTask InitializeAsync()
    {
        store = await file.OpenAsync();
        raw.sqlite3_commit_hook(store.Writer.Connection.Handle, _ =>
        {
            commits++;
            return 0;
        }, null);
    }

    public async ValueTask DisposeAsync() => await file.DisposeAsync();

    [Fact]
    public async Task Writes_that_wait_together_share_a_commit()
    {
        var held = await DatabaseFile.HeldElsewhereAsync(store);
        var waiting = Enumerable.Range(0, 200).Select(_ => DatabaseFile.EnqueueAsync(store)).ToList();
        await held.CommitAsync();
        await Task.WhenAll(waiting).WaitAsync(DatabaseFile.Patience);

        (await DatabaseFile.CountAsync(store)).ShouldBe(200);
        // One turn takes members in for 5 ms; a slow machine needs some more turns, and never one each.
        commits.ShouldBeLessThan(100);
    }

    [Fact]
    public async Task One_that_fails_does_not_fail_its_neighbours()
    {
        var held = await DatabaseFile.HeldElsewhereAsync(store);
        var before = DatabaseFile.EnqueueAsync(store, DatabaseFile.Message("1"));
        var failing = store.Messages.EnqueueAsync(
            [DatabaseFile.Message("2"), DatabaseFile.Message("3") with { Kind = null! }], null, default).AsTask();
        var after = DatabaseFile.EnqueueAsync(store, DatabaseFile.Message("4"));
        await held.CommitAsync();

        var ids = new[] { (await before)[0].Id, (await after)[0].Id };
        await Should.ThrowAsync<StoreException>(() => failing);
        (await store.Messages.ListAsync(new MessageFilter(), default)).Items.Select(m => m.Id).ShouldBe(ids, ignoreOrder: true);
        (await store.CheckAsync(default)).Ready.ShouldBeTrue();
    }

    [Fact]
    public async Task A_unit_of_work_that_is_rolled_back_takes_only_its_own_with_it()
    {
        var held = await DatabaseFile.HeldElsewhereAsync(store);
        var before = DatabaseFile.EnqueueAsync(store);
        var rolledBack = Task.Run(async () =>
        {
            await using var work = await store.Database.BeginAsync();
            await store.Messages.EnqueueAsync([DatabaseFile.Message()], work, default);
        });
        var after = DatabaseFile.EnqueueAsync(store);
        await held.CommitAsync();
        await Task.WhenAll(before, rolledBack, after).WaitAsync(DatabaseFile.Patience);
        (await DatabaseFile.CountAsync(store)).ShouldBe(2);
    }

    [Fact]
    public async Task A_deferred_foreign_key_fails_the_one_who_broke_it()
    {
        file.Execute(
            "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY "
                + "DEFERRED)");
        var held = await DatabaseFile.HeldElsewhereAsync(store);
        var before = DatabaseFile.EnqueueAsync(store);
        var breaking = Task.Run(async () =>
        {
            await using var work = await store.Database.BeginAsync();
            await using var command = work.Connection.CreateCommand();
            command.Transaction = work.Transaction;
            command.CommandText = "INSERT INTO child VALUES (7)";
            await command.ExecuteNonQueryAsync();
            await work.CommitAsync();
        });
        var after = DatabaseFile.EnqueueAsync(store);
        await held.CommitAsync();

        (await Should.ThrowAsync<StoreException>(() => breaking)).Message.ShouldContain("foreign key");
        await Task.WhenAll(before, after).WaitAsync(DatabaseFile.Patience);
        (await DatabaseFile.CountAsync(store)).ShouldBe(2);
    }

    [Fact]
    public async Task Nobody_hears_of_his_success_before_the_groups_commit()
    {
        var first = await DatabaseFile.HeldElsewhereAsync(store);
        var enqueued = DatabaseFile.EnqueueAsync(store);
        var second = DatabaseFile.HeldElsewhereAsync(store);
        var committing = first.CommitAsync();

        // The second unit of work is in the same turn, which cannot commit while it is open.
        var held = await second.WaitAsync(DatabaseFile.Patience);
        if (commits == 0)
        {
            enqueued.IsCompleted.ShouldBeFalse();
            committing.IsCompleted.ShouldBeFalse();
        }

        await held.CommitAsync();
        await Task.WhenAll(enqueued, committing).WaitAsync(DatabaseFile.Patience);
    }
}
