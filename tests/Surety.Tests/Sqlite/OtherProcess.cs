using System.Diagnostics;
using Shouldly;
using Surety.Sqlite.Hosting;
using Surety.Tests.Processing;

namespace Surety.Tests.Sqlite;

/// <summary>
/// This test assembly, run once more as another process on a database file. It says line by line what it has done, and ends when its input
/// does, or is killed.
/// </summary>
internal sealed class OtherProcess : IAsyncDisposable
{
    public const string Name = "other-process";

    private readonly Process process;

    private OtherProcess(Process process) => this.process = process;

    public static OtherProcess Start(string what, DatabaseFile file) => new(OtherPrograms.Start(Name, what, file.Path));

    public async Task ShouldSayAsync(string line) =>
        (await process.StandardOutput.ReadLineAsync().WaitAsync(DatabaseFile.Patience)).ShouldBe(line);

    /// <summary>SIGKILL: nothing is finished, flushed or given back.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync().WaitAsync(DatabaseFile.Patience);
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) await KillAsync();
        process.Dispose();
    }

    /// <summary>What the other process does.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments is not [var what, var path]) return 2;
        if (what == "poison") return await PoisonedAsync(path);
        await using var store = SqliteStore.Create(path, TimeProvider.System);
        await store.OpenAsync(default);
        await (what switch
        {
            "enqueue" => EnqueueAsync(store),
            "hold" => HoldAsync(store),
            "work" => WorkAsync(store),
            _ => throw new ArgumentException($"There is no \"{what}\".", nameof(arguments)),
        });
        return 0;
    }

    private static async Task EnqueueAsync(SqliteStore store)
    {
        Say("ready");
        await Console.In.ReadLineAsync();
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => DatabaseFile.EnqueueAsync(store)));
        Say("enqueued");
    }

    private static async Task HoldAsync(SqliteStore store)
    {
        await using var work = await store.Database.BeginAsync();
        await store.Messages.EnqueueAsync([DatabaseFile.Message()], work, default);
        Say("holding");
        await Console.In.ReadLineAsync();
    }

    private static async Task WorkAsync(SqliteStore store)
    {
        var node = await store.Nodes.JoinAsync("other", TimeSpan.FromHours(1), default);
        if (node is null) Say("standby");
        while (node is null)
        {
            await Task.Delay(5);
            node = await store.Nodes.JoinAsync("other", TimeSpan.FromHours(1), default);
        }

        Say("working");
        await store.Messages.RescueAsync(100, default);
        var claimed = await store.Messages.ClaimAsync(node.Value, [new("work", 100)], default);
        Say($"claimed {claimed!.Count}");
        await Console.In.ReadLineAsync();
    }

    /// <summary>A whole host, one of whose messages kills its process. Says when nothing is left to do.</summary>
    private static async Task<int> PoisonedAsync(string path)
    {
        await using var host = await WorkingHost.StartAsync(s => s.Handle<Ping, Killer>("poisoned").HandleBatch<Pong, Innocent>(
            10, TimeSpan.FromMilliseconds(20), "innocent"), new ExistingFile(path));
        await WorkingHost.UntilAsync(async () => (await host.Get<IQueues>().ListAsync()).All(q => q.Ready + q.Scheduled + q.Running == 0));
        Say("done");
        return 0;
    }

    private sealed class Killer : IHandler<Ping>
    {
        public Task<Outcome> HandleAsync(Delivery<Ping> delivery, CancellationToken cancellationToken)
        {
            if (delivery.Message.Number == 13) Process.GetCurrentProcess().Kill();
            return Task.FromResult(Outcome.Done);
        }
    }

    private sealed class Innocent : IBatchHandler<Pong>
    {
        public Task<IReadOnlyList<Outcome>> HandleAsync(IReadOnlyList<Delivery<Pong>> deliveries, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<Outcome>>([.. deliveries.Select(_ => Outcome.Done)]);
    }

    private sealed class ExistingFile(string path) : Place
    {
        public override void Use(Surety.Hosting.SuretyBuilder surety) => surety.UseSqlite($"Data Source={path}");

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    /// <summary>Waits for its end; true when it said that it was done.</summary>
    public async Task<bool> EndsDoneAsync()
    {
        var said = await process.StandardOutput.ReadToEndAsync().WaitAsync(DatabaseFile.Patience);
        await process.WaitForExitAsync().WaitAsync(DatabaseFile.Patience);
        return said.Contains("done", StringComparison.Ordinal);
    }

    public void Go() => process.StandardInput.WriteLine();

    private static void Say(string line)
    {
        Console.WriteLine(line);
        Console.Out.Flush();
    }
}
