using System.Net.Sockets;
using Npgsql;
using Shouldly;
using Surety.Postgres;
using Surety.Postgres.Connections;
using Surety.Postgres.Hosting;
using Surety.Storage;

namespace Surety.Tests.Postgres;

/// <summary>A connection that breaks shows as many exceptions, and none of them may reach a caller as it is: what it means is said by a
/// <see cref="StoreException"/>.</summary>
public sealed class BrokenConnectionTests : IAsyncLifetime
{
    private static int made;
    private readonly string schema = $"b{Interlocked.Increment(ref made)}";
    private PostgresServer server = null!;
    private PostgresStore store = null!;

    public async ValueTask InitializeAsync()
    {
        server = await PostgresServer.SharedAsync();
        store = new PostgresStore($"{server.ConnectionString};Maximum Pool Size=10", TimeProvider.System, new PostgresOptions
        {
            Schema = schema,
        });
        await store.OpenAsync(default);
    }

    public async ValueTask DisposeAsync()
    {
        await store.DisposeAsync();
        await server.ExecuteAsync($"DROP SCHEMA {schema} CASCADE");
    }

    public static TheoryData<string> Types() => new()
    {
        "ObjectDisposed", "NullReference", "Cancelled", "TimedOut", "IO", "Socket", "Npgsql", "InvalidOperation", "Other",
    };

    [Theory]
    [MemberData(nameof(Types))]
    public async Task Whatever_a_commit_throws_is_in_doubt(string type)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString);
        await connection.OpenAsync();
        var gate = new CommitGate(Failpoints.None);
        var doubt = await Should.ThrowAsync<StoreException>(
            () => gate.RunAsync<int, string>(connection, static type => throw Of(type), type, "The commit failed"));
        doubt.InDoubt.ShouldBeTrue();
        // The same when the connection is gone.
        await connection.CloseAsync();
        doubt = await Should.ThrowAsync<StoreException>(() => gate.RunAsync<int, string>(connection, static async type =>
        {
            await Task.Yield();
            throw Of(type);
        }, type, "The commit failed"));
        doubt.InDoubt.ShouldBeTrue();
    }

    [Theory]
    [InlineData("ObjectDisposed")]
    [InlineData("NullReference")]
    [InlineData("InvalidOperation")]
    [InlineData("Socket")]
    [InlineData("IO")]
    public async Task What_a_broken_connection_throws_is_known_as_one_in_one_place(string type)
    {
        await using var broken = new NpgsqlConnection($"{server.ConnectionString};Pooling=false");
        await broken.OpenAsync();
        await server.ExecuteAsync($"SELECT pg_terminate_backend({broken.ProcessID}, 5000)");
        await using (var command = new NpgsqlCommand("SELECT 1", broken)) await Should.ThrowAsync<NpgsqlException>(
            async () => await command.ExecuteScalarAsync());
        DriverFault.Is(Of(type), broken).ShouldBeTrue();
        var failure = Errors.From(DriverFault.Known(Of(type), broken), "The read failed");
        (failure.IsTransient, failure.InDoubt).ShouldBe((true, false));
    }

    [Theory]
    [InlineData("ObjectDisposed")]
    [InlineData("NullReference")]
    [InlineData("InvalidOperation")]
    public void What_a_connection_throws_that_its_borrower_closed_is_the_borrowers_fault(string type)
    {
        using var closed = new NpgsqlConnection(server.ConnectionString);
        DriverFault.Is(Of(type), closed).ShouldBeFalse();
    }

    [Fact]
    public async Task Of_a_unit_of_work_whose_transaction_or_connection_its_borrower_ended_nobody_says_that_the_database_is_away()
    {
        foreach (var close in new[] { true, false })
        {
            await using var work = await store.Database.BeginAsync();
            await store.Idempotency.TakeAsync(new byte[32], work, default);
            if (close) await work.Connection.CloseAsync();
            else await work.Transaction.CommitAsync();
            var failure = await Should.ThrowAsync<InvalidOperationException>(work.CommitAsync);
            KnownFailure.In(failure, store).ShouldBeNull();
        }
    }

    [Theory]
    [InlineData("take")]
    [InlineData("enqueue")]
    [InlineData("settle")]
    [InlineData("commit")]
    public async Task A_unit_of_work_whose_connection_was_cut_says_so_in_the_stores_own_words(string call)
    {
        await using var work = await store.Database.BeginAsync();
        await store.Idempotency.TakeAsync(new byte[32], work, default);
        await CutAsync(work);
        var failure = await Should.ThrowAsync<StoreException>(async () =>
        {
            switch (call)
            {
                case "take":
                    await store.Idempotency.TakeAsync(new byte[32], work.Transaction, default);
                    break;
                case "enqueue":
                    await store.Messages.EnqueueAsync([Message()], work.Transaction, default);
                    break;
                case "settle":
                    await store.Idempotency.AnswerAsync(
                        new byte[32], new KeyRecord(new StoredAnswer(
                        204, new Dictionary<string, string>(), default), new byte[32], TimeSpan.FromMinutes(1)), work.Transaction, default);
                    break;
                default:
                    await work.CommitAsync();
                    break;
            }
        });
        failure.IsTransient.ShouldBeTrue(failure.Message);
        failure.InDoubt.ShouldBe(call == "commit");
        // And it can be left.
        await work.RollbackAsync();
    }

    private static Exception Of(string type) => type switch
    {
        "ObjectDisposed" => new ObjectDisposedException("NpgsqlTransaction"),
        "NullReference" => new NullReferenceException("planted"),
        "Cancelled" => new OperationCanceledException("planted"),
        "TimedOut" => new TimeoutException("planted"),
        "IO" => new IOException("planted"),
        "Socket" => new SocketException(104),
        "Npgsql" => new NpgsqlException("planted"),
        "InvalidOperation" => new InvalidOperationException("planted"),
        _ => new InvalidCastException("planted"),
    };

    private static NewMessage Message() => new() { Kind = "test.kind", Version = 1, Queue = "work", Body = "{}"u8.ToArray() };

    private Task CutAsync(UnitOfWork work) =>
        server.ExecuteAsync($"SELECT pg_terminate_backend({((NpgsqlConnection)work.Connection).ProcessID}, 5000)");
}
