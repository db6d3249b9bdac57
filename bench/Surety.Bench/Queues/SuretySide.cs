using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Surety.Bench.Measuring;
using Surety.Hosting;

namespace Surety.Bench.Queues;

/// <summary>Surety's side of each comparison: a whole host, through its public interfaces.</summary>
internal sealed class SuretySide : IContender
{
    private readonly IHost host;
    private readonly Func<SuretySide, int, Task> run;
    private readonly string table;
    private readonly bool leavesRows;
    private readonly bool handles;

    private SuretySide(IHost host, Func<SuretySide, int, Task> run, string table, bool leavesRows, bool handles) =>
        (this.host, this.run, this.table, this.leavesRows, this.handles) = (host, run, table, leavesRows, handles);

    public Handled Handled => host.Services.GetRequiredService<Handled>();

    private IQueue Queue => host.Services.GetRequiredService<IQueue>();

    private IQueues Queues => host.Services.GetRequiredService<IQueues>();

    public static Task<IContender> EnqueueEach(string folder) => MakeAsync(folder, EnqueueOnly, async (side, count) =>
    {
        var queue = side.Queue;
        for (var i = 0; i < count; i++) await queue.EnqueueAsync(Posted.Nr(i));
    });

    public static Func<string, Task<IContender>> EnqueueTogether(int callers) => folder => MakeAsync(folder, EnqueueOnly, (side, count) =>
    {
        var queue = side.Queue;
        return Task.WhenAll(Enumerable.Range(0, callers).Select(async caller =>
        {
            for (var i = caller; i < count; i += callers) await queue.EnqueueAsync(Posted.Nr(i));
        }));
    });

    public static Func<string, Task<IContender>> EnqueueBatches(int size) =>
        folder => MakeAsync(folder, EnqueueOnly, (side, count) => side.ProduceAsync(count, size));

    /// <summary>A producer, and the host's worker beside it.</summary>
    public static Func<string, Task<IContender>> Cycle(int size, Action<SuretyBuilder> handle) =>
        folder => MakeAsync(folder, handle, async (side, count) =>
    {
        var handled = side.Handled.UntilAsync(count);
        await side.ProduceAsync(count, size);
        await handled;
        await side.UntilSettledAsync();
    }, leavesRows: false, handles: true);

    /// <summary>Works off what is there, from the moment its queue is resumed.</summary>
    public static async Task<IContender> Effects(string folder, int prepared, Action<SuretyBuilder> handle)
    {
        var made = (SuretySide)await MakeAsync(folder, handle, async (side, count) =>
        {
            var handled = side.Handled.UntilAsync(count);
            await side.Queues.ResumeAsync("effects");
            await handled;
            await side.UntilSettledAsync();
        }, table: "effect", handles: true);
        await using (var work = await made.host.Services.GetRequiredService<SuretyDatabase>().BeginAsync())
        {
            await using var command = work.Connection.CreateCommand();
            (command.Transaction, command.CommandText) =
                (work.Transaction, "CREATE TABLE effect (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, amount TEXT NOT NULL)");
            await command.ExecuteNonQueryAsync();
            await work.CommitAsync();
        }

        await made.Queues.PauseAsync("effects", "the benchmark has not begun");
        await made.ProduceAsync(prepared, 1000);
        return made;
    }

    public Task RunAsync(int count) => run(this, count);

    public async Task CheckAsync(int count)
    {
        var rows = await ScalarAsync($"SELECT count(*) FROM {table}");
        if (handles && Handled.Count != count || rows != (leavesRows ? count : 0))
            throw new InvalidOperationException($"{Handled.Count} of {count} handled, {rows} rows left in {table}.");
    }

    public async ValueTask DisposeAsync()
    {
        await host.StopAsync();
        await ((IAsyncDisposable)host).DisposeAsync();
    }

    /// <summary>A host on a file of the folder, started.</summary>
    public static async Task<IHost> StartAsync(string folder, Action<SuretyBuilder> configure)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.SetMinimumLevel(LogLevel.Error).AddConsole(o => o.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddSingleton<Handled>();
        builder.AddSurety(surety =>
        {
            surety.UseSqlite($"Data Source={Path.Combine(folder, "surety.db")}");
            configure(surety);
        });
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    private static void EnqueueOnly(SuretyBuilder surety) => surety.Configure(o => o.Work = false);

    private static async Task<IContender> MakeAsync(
        string folder, Action<SuretyBuilder> configure, Func<SuretySide, int, Task> run,
            string table = "surety_message", bool leavesRows = true, bool handles = false) =>
        new SuretySide(await StartAsync(folder, configure), run, table, leavesRows, handles);

    private async Task ProduceAsync(int count, int size)
    {
        var queue = Queue;
        for (var i = 0; i < count; i += size)
            await queue.EnqueueAsync(Array.ConvertAll(Posted.Batch(i, Math.Min(size, count - i)), static m => new Envelope(m)));
    }

    private async Task UntilSettledAsync()
    {
        while (await ScalarAsync("SELECT EXISTS (SELECT 1 FROM surety_message)") != 0) await Task.Delay(1);
    }

    private async Task<long> ScalarAsync(string sql)
    {
        await using var connection = await host.Services.GetRequiredService<SuretyDatabase>().OpenReadAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
