using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Shouldly;
using Surety.Tests.Processing;

namespace Surety.Tests.Sqlite;

/// <summary>
/// The enqueue joins the transaction of whatever data library the application uses, whether Surety or the application began it.
/// </summary>
public sealed class DataLibraryTests : IAsyncLifetime
{
    private readonly SqlitePlace place = new();
    private readonly SqlitePlace elsewhere = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await place.DisposeAsync();
        await elsewhere.DisposeAsync();
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Dapper_in_a_unit_of_work(bool commit)
    {
        await using var host = await StartAsync();
        await using (var work = await host.Database.BeginAsync())
        {
            await work.Connection.ExecuteAsync("INSERT INTO booking (id) VALUES (@id)", new { id = 7 }, work.Transaction);
            (await work.Connection.QuerySingleAsync<long>("SELECT id FROM booking", transaction: work.Transaction)).ShouldBe(7);
            await host.Queue.EnqueueAsync(new Ping(7), work);
            if (commit) await work.CommitAsync();
        }

        await ShouldHoldAsync(host, commit);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task EF_Core_in_a_unit_of_work(bool commit)
    {
        await using var host = await StartAsync();
        await using (var work = await host.Database.BeginAsync())
        {
            await using (var bookings = new Bookings(options => options.UseSqlite(work.Connection)))
            {
                await bookings.Database.UseTransactionAsync(work.Transaction);
                bookings.Add(new Booking { Id = 7 });
                await bookings.SaveChangesAsync();
                (await bookings.Booking.CountAsync()).ShouldBe(1);
            }

            await host.Queue.EnqueueAsync(new Ping(7), work);
            if (commit) await work.CommitAsync();
        }

        await ShouldHoldAsync(host, commit);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task ADO_NET_in_a_transaction_of_the_applications_own(bool commit)
    {
        await using var host = await StartAsync();
        await using (var connection = await OpenAsync(place))
        {
            await using var transaction = connection.BeginTransaction();
            await using var command = connection.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = "INSERT INTO booking (id) VALUES (7)";
            await command.ExecuteNonQueryAsync();
            await host.Queue.EnqueueAsync(new Ping(7), transaction);
            if (commit) await transaction.CommitAsync();
        }

        await ShouldHoldAsync(host, commit);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task EF_Core_in_a_transaction_of_the_applications_own(bool commit)
    {
        await using var host = await StartAsync();
        await using (var connection = await OpenAsync(place))
        await using (var bookings = new Bookings(options => options.UseSqlite(connection)))
        {
            await using var transaction = await bookings.Database.BeginTransactionAsync();
            bookings.Add(new Booking { Id = 7 });
            await bookings.SaveChangesAsync();
            await host.Queue.EnqueueAsync(
                new Ping(7), Microsoft.EntityFrameworkCore.Storage.DbContextTransactionExtensions.GetDbTransaction(transaction));
            if (commit) await transaction.CommitAsync();
        }

        await ShouldHoldAsync(host, commit);
    }

    [Fact]
    public async Task A_message_that_somebody_elses_connection_committed_is_worked_without_being_told()
    {
        var script = new Script<Ping>();
        await using var host = await WorkingHost.StartAsync(s => s.Handle<Ping, Plain<Ping>>(), place,
            s => Microsoft.Extensions.DependencyInjection.ServiceCollectionServiceExtensions.AddSingleton(s, script));
        await using var connection = await OpenAsync(place);
        await using var transaction = connection.BeginTransaction();
        await host.Queue.EnqueueAsync(new Ping(7), transaction);
        script.Seen.ShouldBeEmpty();
        await transaction.CommitAsync();
        await WorkingHost.UntilAsync(() => Task.FromResult(script.Seen.Count == 1));
    }

    [Fact]
    public async Task A_transaction_on_another_file_is_refused()
    {
        await using var host = await StartAsync();
        await using var other = await WorkingHost.StartAsync(_ => { }, elsewhere);
        await using var connection = await OpenAsync(elsewhere);
        await using var transaction = connection.BeginTransaction();
        (await Should.ThrowAsync<InvalidOperationException>(
            () => host.Queue.EnqueueAsync(new Ping(7), transaction).AsTask())).Message.ShouldContain("but this host stores messages in");
    }

    private async Task<WorkingHost> StartAsync()
    {
        var host = await WorkingHost.StartAsync(_ => { }, place);
        await host.ExecuteAsync("CREATE TABLE booking (id INTEGER PRIMARY KEY)");
        return host;
    }

    private static async Task<SqliteConnection> OpenAsync(SqlitePlace place)
    {
        var connection = new SqliteConnection($"Data Source={place.Path};Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    private static async Task ShouldHoldAsync(WorkingHost host, bool both)
    {
        (await host.ScalarAsync("SELECT count(*) FROM booking")).ShouldBe(both ? 1 : 0);
        (await host.Messages.ListAsync(new MessageFilter())).Items.Count.ShouldBe(both ? 1 : 0);
    }

    private sealed class Bookings(Action<DbContextOptionsBuilder> configure) : DbContext
    {
        public DbSet<Booking> Booking => Set<Booking>();

        protected override void OnConfiguring(DbContextOptionsBuilder optionsBuilder) => configure(optionsBuilder);

        protected override void OnModelCreating(ModelBuilder modelBuilder) =>
            modelBuilder.Entity<Booking>().ToTable("booking").Property(b => b.Id).HasColumnName("id").ValueGeneratedNever();
    }

    private sealed class Booking
    {
        public long Id { get; set; }
    }
}
