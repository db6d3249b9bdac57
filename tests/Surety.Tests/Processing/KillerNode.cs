using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Surety.Hosting;
using Surety.Tests.Postgres;

namespace Surety.Tests.Processing;

/// <summary>
/// This test assembly once more, as a node that some of its messages kill. It is started again whenever it dies, as a service manager
/// would, until it is told to stop.
/// </summary>
internal sealed class KillerNode : IAsyncDisposable
{
    public const string Name = "killer-node";

    private readonly string[] arguments;
    private readonly Task supervisor;
    private volatile bool stopping;
    private volatile Process? process;
    private int deaths;

    /// <param name="place">Where the messages are.</param>
    /// <param name="most">After how many deaths a message is given up.</param>
    public KillerNode(Place place, int most)
    {
        arguments = [.. Address(place), most.ToString(CultureInfo.InvariantCulture)];
        supervisor = SuperviseAsync();
    }

    /// <summary>How often it has died.</summary>
    public int Deaths => Volatile.Read(ref deaths);

    public async ValueTask DisposeAsync()
    {
        stopping = true;
        // The end of its input tells it to stop.
        try
        {
            process?.StandardInput.Close();
        }
        catch (InvalidOperationException)
        {
            // It has just died.
        }

        await supervisor;
    }

    private async Task SuperviseAsync()
    {
        while (!stopping)
        {
            using var started = OtherPrograms.Start(Name, arguments);
            process = started;
            if (stopping) started.StandardInput.Close();
            await started.WaitForExitAsync();
            process = null;
            if (started.ExitCode != 0) Interlocked.Increment(ref deaths);
        }
    }

    /// <summary>What the other process does.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments is not [var address, var schema, var most]) return 2;
        await using var host = await WorkingHost.StartAsync(
            s => Handlers(s).Configure(
                o => (o.MaxDeaths, o.NodeLease, o.PollInterval) = (int.Parse(
                most, CultureInfo.InvariantCulture), TimeSpan.FromSeconds(2), TimeSpan.FromMilliseconds(50))),
            schema.Length == 0 ? new ExistingFile(address) : new FrozenNode.Schema(address, schema));
        await Console.In.ReadToEndAsync();
        return 0;
    }

    /// <summary>Killers and honest ones in one queue, and honest ones in queues of their own, one of them in batches.</summary>
    public static SuretyBuilder Handlers(SuretyBuilder surety) =>
        surety.Handle<Kill, Killer>().HandleInTransaction<Ping, Honest>()
            .Handle<Pong, Slow>("slow").HandleBatchInTransaction<Many, Batch>(10, TimeSpan.FromMilliseconds(20));

    private static string[] Address(Place place) => place switch
    {
        SqlitePlace file => [file.Path, ""],
        PostgresPlace server => [server.ConnectionString, server.Schema],
        _ => throw new ArgumentOutOfRangeException(nameof(place)),
    };

    private sealed class ExistingFile(string path) : Place
    {
        public override void Use(SuretyBuilder surety) => surety.UseSqlite($"Data Source={path}");

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class Killer : IHandler<Kill>
    {
        public async Task<Outcome> HandleAsync(Delivery<Kill> delivery, CancellationToken cancellationToken)
        {
            // Long enough for others to begin, and to be there when it happens.
            await Task.Delay(TimeSpan.FromSeconds(0.4), cancellationToken);
            Process.GetCurrentProcess().Kill();
            return Outcome.Done;
        }
    }

    private sealed class Honest : ITransactionalHandler<Ping>
    {
        public async Task<Outcome> HandleAsync(Delivery<Ping> delivery, UnitOfWork work, CancellationToken cancellationToken)
        {
            await WorkingHost.ExecuteAsync(work, $"INSERT INTO effect VALUES ({delivery.Message.Number})");
            return Outcome.Done;
        }
    }

    private sealed class Slow : IHandler<Pong>
    {
        public async Task<Outcome> HandleAsync(Delivery<Pong> delivery, CancellationToken cancellationToken)
        {
            await Task.Delay(TimeSpan.FromSeconds(0.1), cancellationToken);
            return Outcome.Done;
        }
    }

    private sealed class Batch : ITransactionalBatchHandler<Many>
    {
        public async Task<IReadOnlyList<Outcome>> HandleAsync(
            IReadOnlyList<Delivery<Many>> deliveries, UnitOfWork work, CancellationToken cancellationToken)
        {
            foreach (var delivery in deliveries)
                await WorkingHost.ExecuteAsync(work, $"INSERT INTO effect VALUES ({delivery.Message.Number})");
            return [.. deliveries.Select(_ => Outcome.Done)];
        }
    }
}

[Message("test.kill")]
public sealed record Kill(int Number);

[Message("test.many")]
public sealed record Many(int Number);
