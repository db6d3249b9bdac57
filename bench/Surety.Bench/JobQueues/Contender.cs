namespace Surety.Bench.JobQueues;

/// <summary>A job queue that plays through its public interface, in child processes.</summary>
/// <param name="Name">What the command line and the results call it.</param>
/// <param name="Launch">How to start a process of it.</param>
internal sealed record Contender(string Name, Launch Launch)
{
    public const string Surety = "surety";

    /// <summary>The statements alone: rows that are claimed and deleted, or only appended to.</summary>
    public const string Raw = "pgbench";
    public const string RawLog = "pgbench-log";

    /// <summary>
    /// The same insert as pgbench's, through the driver that Surety uses: what an engineer would write by hand. For enqueues only.
    /// </summary>
    public const string Driver = "npgsql";

    /// <summary>Those the command knows; the peers' programs have to be installed.</summary>
    public static Contender Called(string name) => name switch
    {
        Surety => new Contender(name, Own("queue-play")),
        Driver => new Contender(name, Own("queue-insert")),
        "graphile" => new Contender(name, Peers.Program("graphile.mjs")),
        "pgboss" => new Contender(name, Peers.Program("pgboss.mjs")),
        _ => throw new FormatException($"No contender is called \"{name}\". There are: {string.Join(", ", All)}."),
    };

    public static IReadOnlyList<string> All { get; } = [Raw, RawLog, Driver, Surety, "graphile", "pgboss"];

    private static Launch Own(string role)
    {
        // Started as "dotnet Surety.Bench.dll" or by its own launcher.
        var launcher = Environment.ProcessPath!;
        return Path.GetFileNameWithoutExtension(launcher) == "dotnet"
            ? new Launch(launcher, [typeof(Contender).Assembly.Location, role]) : new Launch(launcher, [role]);
    }
}
