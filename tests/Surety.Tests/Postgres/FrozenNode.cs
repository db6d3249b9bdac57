using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Surety.Hosting;
using Surety.Tests.Processing;

namespace Surety.Tests.Postgres;

/// <summary>
/// This test assembly once more, as a node of its own that can be stopped like a machine that is paused: at any instruction, with its
/// transactions open. Its handler writes an effect and then waits for a word before it ends.
/// </summary>
internal sealed class FrozenNode : IAsyncDisposable
{
    public const string Name = "frozen-node";

    /// <summary>The handler that also takes a row others want, and has a second for it.</summary>
    public const string Locking = "locking";
    public static readonly TimeSpan LockingTimeout = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process process;

    private FrozenNode(Process process) => this.process = process;

    public static FrozenNode Start(string connectionString, string schema, string handler) =>
        new(OtherPrograms.Start(Name, connectionString, schema, handler));

    public async Task UntilSaysAsync(string line)
    {
        while (await process.StandardOutput.ReadLineAsync().WaitAsync(Patience) is { } said)
        {
            if (said == line) return;
        }

        throw new InvalidOperationException($"The node ended without saying \"{line}\".");
    }

    public Task FreezeAsync() => SignalAsync("STOP");

    public Task ThawAsync() => SignalAsync("CONT");

    public void Go() => process.StandardInput.WriteLine();

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    /// <summary>What the other process does.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments is not [var connectionString, var schema, var handler]) return 2;
        var go = new TaskCompletionSource();
        var pings = new Script<Ping>
        {
            Act = async (d, work, _) =>
            {
                if (work is not null) await WorkingHost.ExecuteAsync(work, $"INSERT INTO effect VALUES ({d.Message.Number}, 'frozen')");
                if (handler == Locking) await WorkingHost.ExecuteAsync(work!, "UPDATE shared SET by = 'frozen'");
                Say("handling");
                // Deaf to its token: a frozen process hears nothing, and this is what it goes on with.
                await go.Task;
                Say("handled");
                return Outcome.Done;
            },
        };
        await using var host = await WorkingHost.StartAsync(
            s => (handler == "plain" ? s.Handle<Ping, Plain<Ping>>() : s.HandleInTransaction<Ping, InTransaction<Ping>>())
                .Queue("default", q => q.HandlerTimeout = handler == Locking ? LockingTimeout : q.HandlerTimeout).Configure(
                    o => (o.NodeName, o.NodeLease) = (Name, Lease)),
            new Schema(connectionString, schema), services => services.AddSingleton(pings));
        await Console.In.ReadLineAsync();
        go.SetResult();
        // Every settlement it still has goes out before it leaves.
        await host.Host.StopAsync();
        Say("stopped");
        await Console.In.ReadLineAsync();
        return 0;
    }

    private static void Say(string line)
    {
        Console.WriteLine(line);
        Console.Out.Flush();
    }

    internal sealed class Schema(string connectionString, string schema) : Place
    {
        public override void Use(SuretyBuilder surety) => surety.UsePostgres(connectionString, options => options.Schema = schema);

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
