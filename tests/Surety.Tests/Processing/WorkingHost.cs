using System.Data.Common;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Surety.Hosting;

namespace Surety.Tests.Processing;

/// <summary>A whole host, on data of its own.</summary>
internal sealed class WorkingHost : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly Place? owned;

    private WorkingHost(IHost host, Place? owned) => (Host, this.owned) = (host, owned);

    public IHost Host { get; }
    public IQueue Queue => Get<IQueue>();
    public IMessages Messages => Get<IMessages>();
    public IDeadLetters DeadLetters => Get<IDeadLetters>();
    public SuretyDatabase Database => Get<SuretyDatabase>();

    /// <param name="configure">Surety.</param>
    /// <param name="place">Where the messages are; null for a new SQLite file, which goes with the host.</param>
    /// <param name="services">Everything else.</param>
    public static async Task<WorkingHost> StartAsync(
        Action<SuretyBuilder> configure, Place? place = null, Action<IServiceCollection>? services = null)
    {
        var owned = place is null ? await SqlitePlace.OpenAsync() : null;
        place ??= owned!;
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        if (Environment.GetEnvironmentVariable("SURETY_TEST_LOG") == "1") builder.Logging.AddSimpleConsole();
        else builder.Logging.SetMinimumLevel(LogLevel.None);
        builder.AddSurety(surety =>
        {
            place.Use(surety);
            configure(surety);
        });
        services?.Invoke(builder.Services);
        var host = new WorkingHost(builder.Build(), owned);
        await host.Host.StartAsync();
        return host;
    }

    public T Get<T>() where T : notnull => Host.Services.GetRequiredService<T>();

    public async Task<MessageInfo> UntilAsync(MessageId id, MessageStatus status)
    {
        MessageInfo? info = null;
        await UntilAsync(async () => (info = await Messages.FindAsync(id))?.Status == status, () =>
            $"message {id} is {info?.Status.ToString() ?? "gone"}, not {status}: {info?.Reason}");
        return info!;
    }

    public Task UntilGoneAsync(MessageId id) =>
        UntilAsync(async () => await Messages.FindAsync(id) is null, () => $"message {id} is still there");

    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string>? what = null, TimeSpan? patience = null)
    {
        using var limit = new CancellationTokenSource(patience ?? Patience);
        while (!await condition())
        {
            if (limit.IsCancellationRequested)
                throw new TimeoutException(
                    $"After {(patience ?? Patience).TotalSeconds} s: {what?.Invoke() ?? "the condition did not come true"}");
            await Task.Delay(5);
        }
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var work = await Database.BeginAsync();
        await ExecuteAsync(work, sql);
        await work.CommitAsync();
    }

    public static async Task ExecuteAsync(UnitOfWork work, string sql)
    {
        await using var command = work.Connection.CreateCommand();
        command.Transaction = work.Transaction;
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    public async Task<long> ScalarAsync(string sql)
    {
        await using var connection = await Database.OpenReadAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(await command.ExecuteScalarAsync(), System.Globalization.CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        await Host.StopAsync();
        if (Host is IAsyncDisposable disposable) await disposable.DisposeAsync();
        else Host.Dispose();
        if (owned is not null) await owned.DisposeAsync();
    }
}

[Message("test.ping")]
public sealed record Ping(int Number);

[Message("test.pong")]
public sealed record Pong(int Number);

/// <summary>A handler whose behaviour the test says; injected as a singleton so that the test sees what it saw.</summary>
public sealed class Script<T>
{
    public System.Collections.Concurrent.ConcurrentQueue<Delivery<T>> Seen { get; } = [];
    public Func<Delivery<T>, UnitOfWork?, CancellationToken, Task<Outcome>> Act { get; set; } = (_, _, _) => Task.FromResult(Outcome.Done);

    public Task<Outcome> RunAsync(Delivery<T> delivery, UnitOfWork? work, CancellationToken cancel)
    {
        Seen.Enqueue(delivery);
        return Act(delivery, work, cancel);
    }
}

public sealed class Plain<T>(Script<T> script) : IHandler<T>
{
    public Task<Outcome> HandleAsync(Delivery<T> delivery, CancellationToken cancellationToken) =>
        script.RunAsync(delivery, null, cancellationToken);
}

public sealed class InTransaction<T>(Script<T> script) : ITransactionalHandler<T>
{
    public Task<Outcome> HandleAsync(Delivery<T> delivery, UnitOfWork work, CancellationToken cancellationToken) =>
        script.RunAsync(delivery, work, cancellationToken);
}
