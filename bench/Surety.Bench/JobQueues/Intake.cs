using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Surety.Hosting;

namespace Surety.Bench.JobQueues;

/// <summary>Where a player's jobs go.</summary>
internal interface IIntake
{
    Task OpenAsync(Order order);

    /// <summary>One call, durable when it returns.</summary>
    Task SendAsync(long first, int count, long at);

    /// <summary>How many jobs are there, whatever their state.</summary>
    Task<long> LeftAsync();

    Task CloseAsync();
}

/// <summary>Surety's queue.</summary>
internal sealed class SuretyIntake : IIntake
{
    // Beyond this the queue's own count is an estimate, and a check is not to be one.
    private const int Counted = 100_000;

    private IHost producer = null!;
    private IQueue queue = null!;
    private EnqueueOptions there = new();

    public async Task OpenAsync(Order order)
    {
        producer = await HostAsync(order, surety => surety.Configure(o => o.Work = false));
        queue = producer.Services.GetRequiredService<IQueue>();
        there = new EnqueueOptions { Queue = order.Queue };
    }

    /// <summary>Enqueues through a host that works, too.</summary>
    public void Use(IHost worker, Order order) =>
        (queue, there) = (worker.Services.GetRequiredService<IQueue>(), new EnqueueOptions { Queue = order.Queue });

    public async Task SendAsync(long first, int count, long at)
    {
        if (count == 1)
        {
            await queue.EnqueueAsync(Job.Nr(first, at), there);
            return;
        }

        var batch = new Envelope[count];
        for (var i = 0; i < count; i++) batch[i] = new Envelope(Job.Nr(first + i, at), there);
        await queue.EnqueueAsync(batch);
    }

    public async Task<long> LeftAsync()
    {
        var queues = await producer.Services.GetRequiredService<IQueues>().ListAsync();
        var left = queues.Where(q => q.Queue == there.Queue).Sum(q => q.Ready + q.Running + q.Scheduled + q.Dead);
        return left < Counted ? left : await CountAsync();
    }

    public Task CloseAsync() => EndAsync(producer);

    public static async Task<IHost> HostAsync(Order order, Action<SuretyBuilder> configure)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.SetMinimumLevel(LogLevel.Critical).AddConsole(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.AddSurety(surety =>
        {
            surety.UsePostgres(new NpgsqlConnectionStringBuilder
            {
                Host = order.Socket, Username = "surety", Database = order.Database, MaxPoolSize = 30,
                // As docs/operations/postgres.md says for handlers that leave nothing behind in a session; the peers' drivers never clean
                // one.
                NoResetOnClose = true,
            }.ConnectionString);
            configure(surety);
        });
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    public static async Task EndAsync(IHost host)
    {
        await host.StopAsync();
        await ((IAsyncDisposable)host).DisposeAsync();
    }

    private async Task<long> CountAsync()
    {
        await using var connection = await producer.Services.GetRequiredService<SuretyDatabase>().OpenReadAsync();
        await using var count = (NpgsqlCommand)connection.CreateCommand();
        count.CommandText =
            "SELECT (SELECT count(*) FROM surety.segment_open WHERE queue = $1) + (SELECT count(*) FROM surety.message WHERE queue = $1 "
                + "AND state IN (0, 1, 2, 3, 4, 6))";
        count.Parameters.Add(new NpgsqlParameter<string> { TypedValue = there.Queue! });
        return (long)(await count.ExecuteScalarAsync())!;
    }
}

/// <summary>
/// Rows through the driver that Surety uses, and no queue at all: one into a table with a primary key, or an effect and its receipt in one
/// transaction.
/// </summary>
internal sealed class BareIntake : IIntake
{
    private NpgsqlDataSource source = null!;
    private bool transacts;

    public Task OpenAsync(Order order)
    {
        source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder
        {
            Host = order.Socket, Username = "surety", Database = order.Database,
                MaxPoolSize = 30, MaxAutoPrepare = 10, NoResetOnClose = true,
        });
        transacts = order.Handler == "row";
        return Task.CompletedTask;
    }

    public Task SendAsync(long first, int count, long at) => transacts ? TransactAsync(first, at) : InsertAsync(first, count, at);

    public async Task<long> LeftAsync()
    {
        await using var count = source.CreateCommand(transacts ? "SELECT count(*) FROM raw_receipt" : "SELECT count(*) FROM raw_bare");
        return (long)(await count.ExecuteScalarAsync())!;
    }

    public async Task CloseAsync() => await source.DisposeAsync();

    private async Task InsertAsync(long first, int count, long at)
    {
        await using var insert = source.CreateCommand(
            count == 1 ? "INSERT INTO raw_bare (body) VALUES ($1)" : "INSERT INTO raw_bare (body) SELECT unnest($1)");
        insert.Parameters.Add(count == 1
            ? new NpgsqlParameter<string> { TypedValue = Line.Of(Job.Nr(first, at)) }
            : new NpgsqlParameter<string[]> { TypedValue = [.. Enumerable.Range(0, count).Select(i => Line.Of(Job.Nr(first + i, at)))] });
        await insert.ExecuteNonQueryAsync();
    }

    private async Task TransactAsync(long number, long at)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var effect = new NpgsqlCommand("INSERT INTO effect (number, amount) VALUES ($1, $2)", connection, transaction))
        {
            effect.Parameters.Add(new NpgsqlParameter<long> { TypedValue = number });
            effect.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Job.Nr(number, at).Amount });
            await effect.ExecuteNonQueryAsync();
        }

        await using (var receipt = new NpgsqlCommand("INSERT INTO raw_receipt (id) VALUES ($1)", connection, transaction))
        {
            receipt.Parameters.Add(new NpgsqlParameter<long> { TypedValue = number });
            await receipt.ExecuteNonQueryAsync();
        }

        await transaction.CommitAsync();
    }
}
