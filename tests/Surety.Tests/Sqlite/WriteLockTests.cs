using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Surety.Tests.Sqlite;

/// <summary>One write lock, many who want it: who waits, for how long, and what he hears.</summary>
public sealed class WriteLockTests : IAsyncLifetime
{
    private static readonly SqliteOptions Impatient = new() { WriteWaitLimit = TimeSpan.FromMilliseconds(100) };
    private readonly DatabaseFile file = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await file.DisposeAsync();

    [Fact]
    public async Task Whoever_holds_the_lock_and_wants_it_again_is_told_at_once()
    {
        var store = await file.OpenAsync();
        await using (var work = await store.Database.BeginAsync())
        {
            (await Should.ThrowAsync<InvalidOperationException>(() => DatabaseFile.EnqueueAsync(store))).Message.ShouldContain(
                "would wait for itself");
            await Should.ThrowAsync<InvalidOperationException>(async () => await store.Database.BeginAsync());
            await store.Messages.EnqueueAsync([DatabaseFile.Message()], work, default);
            await work.CommitAsync();
        }

        await DatabaseFile.EnqueueAsync(store);
        (await DatabaseFile.CountAsync(store)).ShouldBe(2);
    }

    [Fact]
    public async Task Whoever_waits_for_another_connection_goes_on_as_soon_as_it_is_done()
    {
        var store = await file.OpenAsync();
        var least = TimeSpan.MaxValue;
        for (var i = 0; i < 5; i++)
        {
            await using var other = file.Connect();
            await using var holding = await other.BeginTransactionAsync();
            var waiting = DatabaseFile.EnqueueAsync(store);
            await Should.ThrowAsync<TimeoutException>(() => waiting.WaitAsync(TimeSpan.FromMilliseconds(50)));
            var done = Stopwatch.GetTimestamp();
            await holding.RollbackAsync();
            await waiting.WaitAsync(DatabaseFile.Patience);
            if (Stopwatch.GetElapsedTime(done) is var took && took < least) least = took;
        }

        // SQLite's own way of waiting would have slept for the rest of a second each time.
        least.ShouldBeLessThan(TimeSpan.FromMilliseconds(500));
    }

    [Fact]
    public async Task A_statement_that_never_ends_is_stopped_when_its_unit_of_work_is_rolled_back()
    {
        var store = await file.OpenAsync();
        var work = await store.Database.BeginAsync();
        var running = new TaskCompletionSource();
        ((SqliteConnection)work.Connection).CreateFunction("surety_test_running", () =>
        {
            running.TrySetResult();
            return 1;
        });
        await using var command = work.Connection.CreateCommand();
        command.Transaction = work.Transaction;
        command.CommandText =
            "WITH RECURSIVE endless(n) AS (SELECT surety_test_running() UNION ALL SELECT n + 1 FROM endless) SELECT count(*) FROM endless";
        var endless = Task.Run(command.ExecuteScalar);
        await running.Task;
        await work.RollbackAsync().WaitAsync(DatabaseFile.Patience);
        await DatabaseFile.EnqueueAsync(store).WaitAsync(DatabaseFile.Patience);
        await Should.ThrowAsync<SqliteException>(() => endless.WaitAsync(DatabaseFile.Patience));
    }

    [Fact]
    public async Task A_unit_of_work_that_was_refused_leaves_nothing_to_wait_for()
    {
        var store = await file.OpenAsync();
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(async () => await store.Database.BeginAsync(cancelled.Token));
        await DatabaseFile.EnqueueAsync(store);
    }

    [Fact]
    public async Task A_transaction_of_the_applications_own_that_keeps_the_lock_costs_others_a_clear_error()
    {
        var store = await file.OpenAsync(Impatient);
        await using (new DatabaseFileLock(file))
        {
            var failure = await Should.ThrowAsync<StoreException>(() => DatabaseFile.EnqueueAsync(store).WaitAsync(DatabaseFile.Patience));
            failure.IsTransient.ShouldBeTrue();
            failure.Message.ShouldContain("WriteWaitLimit");
        }

        await DatabaseFile.EnqueueAsync(await file.OpenAsync());
        (await DatabaseFile.CountAsync(store)).ShouldBe(1);
    }

    [Fact]
    public async Task A_write_goes_on_as_soon_as_the_lock_is_free()
    {
        var store = await file.OpenAsync();
        Task<IReadOnlyList<Enqueued>> waiting;
        await using (new DatabaseFileLock(file))
        {
            waiting = DatabaseFile.EnqueueAsync(store);
            (await DatabaseFile.CountAsync(store)).ShouldBe(0);
            waiting.IsCompleted.ShouldBeFalse();
        }

        await waiting.WaitAsync(DatabaseFile.Patience);
    }

    [Fact]
    public async Task A_write_that_waits_can_be_given_up_and_then_stores_nothing()
    {
        var store = await file.OpenAsync();
        var held = await DatabaseFile.HeldElsewhereAsync(store);
        using var given = new CancellationTokenSource();
        var waiting = DatabaseFile.EnqueueAsync(store, cancel: given.Token);
        var patient = DatabaseFile.EnqueueAsync(store);
        await given.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => waiting.WaitAsync(DatabaseFile.Patience));
        await held.CommitAsync();
        var id = (await patient.WaitAsync(DatabaseFile.Patience))[0].Id;
        (await store.Messages.ListAsync(new MessageFilter(), default)).Items.ShouldHaveSingleItem().Id.ShouldBe(id);
    }

    [Fact]
    public async Task More_may_not_wait_than_the_limit_says()
    {
        var store = await file.OpenAsync(new SqliteOptions { MaxWaitingWriters = 2 });
        var held = await DatabaseFile.HeldElsewhereAsync(store);
        var waiting = new[] { DatabaseFile.EnqueueAsync(store), DatabaseFile.EnqueueAsync(store) };
        var failure = await Should.ThrowAsync<StoreException>(() => DatabaseFile.EnqueueAsync(store));
        failure.IsTransient.ShouldBeTrue();
        failure.Message.ShouldContain("MaxWaitingWriters");
        await held.CommitAsync();
        await Task.WhenAll(waiting).WaitAsync(DatabaseFile.Patience);
    }

    [Fact]
    public async Task A_unit_of_work_held_too_long_is_rolled_back_and_the_others_go_on()
    {
        var store = await file.OpenAsync(new SqliteOptions { UnitOfWorkTimeout = TimeSpan.FromMilliseconds(50) });
        var held = await DatabaseFile.HeldElsewhereAsync(store);
        await store.Messages.EnqueueAsync([DatabaseFile.Message()], held, default);
        var id = (await DatabaseFile.EnqueueAsync(store).WaitAsync(DatabaseFile.Patience))[0].Id;

        var use = await Should.ThrowAsync<StoreException>(
            async () => await store.Messages.EnqueueAsync([DatabaseFile.Message()], held.Transaction, default));
        use.Kind.ShouldBe(FailureKind.LostRace);
        var failure = await Should.ThrowAsync<StoreException>(held.CommitAsync);
        failure.IsTransient.ShouldBeTrue();
        failure.Message.ShouldContain("UnitOfWorkTimeout");
        (await store.Messages.ListAsync(new MessageFilter(), default)).Items.ShouldHaveSingleItem().Id.ShouldBe(id);
    }

    [Fact]
    public async Task A_statement_that_runs_too_long_is_stopped_with_its_unit_of_work()
    {
        var store = await file.OpenAsync(new SqliteOptions { UnitOfWorkTimeout = TimeSpan.FromMilliseconds(50) });
        var held = await DatabaseFile.HeldElsewhereAsync(store);
        var endless = Task.Run(
            () => Execute(held, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"));
        await DatabaseFile.EnqueueAsync(store).WaitAsync(DatabaseFile.Patience);
        await Should.ThrowAsync<SqliteException>(() => endless.WaitAsync(DatabaseFile.Patience));
    }

    [Theory]
    [InlineData("COMMIT")]
    [InlineData("ROLLBACK")]
    [InlineData("RELEASE surety")]
    [InlineData("ROLLBACK TO surety")]
    public async Task Sql_cannot_end_the_shared_transaction(string sql)
    {
        var store = await file.OpenAsync();
        await using (var work = await store.Database.BeginAsync())
        {
            await store.Messages.EnqueueAsync([DatabaseFile.Message()], work, default);
            Should.Throw<InvalidOperationException>(() => Execute(work, sql)).Message.ShouldContain("CommitAsync");
        }

        (await DatabaseFile.CountAsync(store)).ShouldBe(0);
    }

    [Fact]
    public async Task Savepoints_of_the_callers_own_work_inside_a_unit_of_work()
    {
        var store = await file.OpenAsync();
        await using (var work = await store.Database.BeginAsync())
        {
            await store.Messages.EnqueueAsync([DatabaseFile.Message("kept")], work, default);
            await work.Transaction.SaveAsync("mine");
            await store.Messages.EnqueueAsync([DatabaseFile.Message("undone")], work, default);
            await work.Transaction.RollbackAsync("mine");
            await work.Transaction.ReleaseAsync("mine");
            await work.CommitAsync();
        }

        (await store.Messages.ListAsync(new MessageFilter(), default)).Items.ShouldHaveSingleItem().Body.ToArray().ShouldBe(
            "kept"u8.ToArray());
    }

    [Fact]
    public async Task A_command_without_the_transaction_cannot_slip_into_somebody_elses_work()
    {
        var store = await file.OpenAsync();
        await using var work = await store.Database.BeginAsync();
        await using var command = work.Connection.CreateCommand();
        command.CommandText = "SELECT 1";
        Should.Throw<InvalidOperationException>(() => command.ExecuteScalar()).Message.ShouldContain("UnitOfWork.Transaction");
        await using var stranger = new SqliteCommand("SELECT 1", (SqliteConnection)work.Connection);
        Should.Throw<InvalidOperationException>(() => stranger.ExecuteScalar());
    }

    [Fact]
    public async Task A_command_kept_over_the_end_of_its_unit_of_work_does_nothing()
    {
        var store = await file.OpenAsync();
        var work = await DatabaseFile.HeldElsewhereAsync(store);
        var command = work.Connection.CreateCommand();
        command.Transaction = work.Transaction;
        command.CommandText = "INSERT INTO surety_queue (name) VALUES ('late')";
        await work.RollbackAsync();
        var next = await DatabaseFile.HeldElsewhereAsync(store);
        Should.Throw<Exception>(() => command.ExecuteNonQuery());
        await next.CommitAsync();
        (await store.Queues.ListAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Readers_wait_for_nobody()
    {
        var store = await file.OpenAsync();
        var id = (await DatabaseFile.EnqueueAsync(store))[0].Id;
        await using var held = await DatabaseFile.HeldElsewhereAsync(store);
        await store.Messages.EnqueueAsync([DatabaseFile.Message()], held, default);

        // Done at once, on the caller's thread, while the lock is held.
        store.Messages.FindAsync(id, default).AsTask().IsCompletedSuccessfully.ShouldBeTrue();
        store.Messages.ListAsync(new MessageFilter(), default).AsTask().IsCompletedSuccessfully.ShouldBeTrue();
        store.Queues.ListAsync().AsTask().IsCompletedSuccessfully.ShouldBeTrue();
        (await store.CheckAsync(default)).Ready.ShouldBeTrue();
        (await DatabaseFile.CountAsync(store)).ShouldBe(1);
    }

    [Fact]
    public async Task A_reader_that_takes_its_time_keeps_its_snapshot_and_nobody_from_writing()
    {
        var store = await file.OpenAsync();
        await DatabaseFile.EnqueueAsync(store);
        await using var connection = (SqliteConnection)await store.Database.OpenReadAsync();
        await using var snapshot = connection.BeginTransaction(deferred: true);
        Count().ShouldBe(1L);
        for (var i = 0; i < 10; i++) await DatabaseFile.EnqueueAsync(store).WaitAsync(DatabaseFile.Patience);
        Count().ShouldBe(1L);
        (await DatabaseFile.CountAsync(store)).ShouldBe(11);

        object? Count()
        {
            using var command = connection.CreateCommand();
            command.Transaction = snapshot;
            command.CommandText = "SELECT count(*) FROM surety_message";
            return command.ExecuteScalar();
        }
    }

    [Fact]
    public async Task Closing_finishes_what_waits_and_refuses_what_comes_later()
    {
        var store = await file.OpenAsync();
        var held = await DatabaseFile.HeldElsewhereAsync(store);
        var waiting = DatabaseFile.EnqueueAsync(store);
        var closing = store.DisposeAsync().AsTask();
        (await Should.ThrowAsync<StoreException>(() => DatabaseFile.EnqueueAsync(store))).Message.ShouldContain("closed");
        await held.CommitAsync();
        await closing.WaitAsync(DatabaseFile.Patience);
        await waiting;
        (await DatabaseFile.CountAsync(await file.OpenAsync())).ShouldBe(1);
    }

    [Fact]
    public async Task Closing_while_somebody_else_keeps_the_lock_fails_what_waits_and_ends()
    {
        var store = await file.OpenAsync(Impatient);
        await using var somebody = new DatabaseFileLock(file);
        var waiting = DatabaseFile.EnqueueAsync(store);
        var closing = store.DisposeAsync().AsTask();
        (await Should.ThrowAsync<StoreException>(() => waiting.WaitAsync(DatabaseFile.Patience))).IsTransient.ShouldBeTrue();
        await closing.WaitAsync(DatabaseFile.Patience);
    }

    private static void Execute(UnitOfWork work, string sql)
    {
        using var command = work.Connection.CreateCommand();
        command.Transaction = work.Transaction;
        command.CommandText = sql;
        command.ExecuteScalar();
    }
}
