using System.CommandLine;
using Surety.Cli.Migrate;

namespace Surety.Cli;

/// <summary>Brings a store's schema up to date, or back, or says how.</summary>
internal static class MigrateCommand
{
    private const int Done = 0, NotCurrent = 1, CouldNotRun = 2;

    public static Command Create()
    {
        var where = new SchemaOptions();
        var command = new Command("migrate", "The schema of a store: its state, the way to the newest version and the way back.")
        {
            Status(where), Up(where), Down(where), Script(where),
        };
        where.AddTo(command);
        return command;
    }

    private static Command Status(SchemaOptions where) => Step(
        new Command("status", "Says which version there is. Exit code 0 when it is the newest, 1 when it is not."),
        async (parsed, cancel) =>
        {
            var schema = where.Connect(parsed);
            var version = await schema.VersionAsync(cancel);
            await parsed.InvocationConfiguration.Output.WriteLineAsync($"version {version}, newest {schema.Newest}");
            return version == schema.Newest ? Done : NotCurrent;
        });

    private static Command Up(SchemaOptions where) => Step(
        new Command("up", "Brings it to the newest version. Safe while hosts run, and from several places at once."),
        async (parsed, cancel) =>
        {
            var schema = where.Connect(parsed);
            await schema.UpAsync(cancel);
            await parsed.InvocationConfiguration.Output.WriteLineAsync($"version {await schema.VersionAsync(cancel)}");
            return Done;
        });

    private static Command Down(SchemaOptions where)
    {
        var to = new Option<int>("--to") { Description = "The version there is to be; 0 for none.", Required = true };
        var yes = new Option<bool>("--yes") { Description = "Yes, drop what only the newer versions keep." };
        const string description = "Takes it back to an older version. Stop every host that needs the newer one first.";
        return Step(new Command("down", description) { to, yes }, async (parsed, cancel) =>
        {
            var schema = where.Connect(parsed);
            if (!parsed.GetValue(yes))
            {
                var script = schema.Script(await schema.VersionAsync(cancel), parsed.GetValue(to));
                await parsed.InvocationConfiguration.Error.WriteLineAsync(
                    $"Nothing was done. To run this, say --yes; it cannot be undone:\n\n{script}");
                return CouldNotRun;
            }

            await schema.DownAsync(parsed.GetValue(to), cancel);
            await parsed.InvocationConfiguration.Output.WriteLineAsync($"version {await schema.VersionAsync(cancel)}");
            return Done;
        });
    }

    private static Command Script(SchemaOptions where)
    {
        var from = new Option<int>("--from") { Description = "The version there is; 0 for none.", Required = true };
        var to = new Option<int?>("--to") { Description = "The version there is to be; by default the newest, 0 for none." };
        const string description = "Prints the statements between two versions, up or down, as one transaction. Needs no connection.";
        return Step(new Command("script", description) { from, to }, async (parsed, cancel) =>
        {
            var schema = where.Unconnected(parsed);
            var script = schema.Script(parsed.GetValue(from), parsed.GetValue(to) ?? schema.Newest);
            await parsed.InvocationConfiguration.Output.WriteAsync(script.AsMemory(), cancel);
            return Done;
        });
    }

    /// <summary>Gives a command its action: what cannot be done is one sentence, not a stack of calls.</summary>
    private static Command Step(Command command, Func<ParseResult, CancellationToken, Task<int>> run)
    {
        command.SetAction(async (parsed, cancel) =>
        {
            try
            {
                return await run(parsed, cancel);
            }
            catch (Exception e) when (e is StoreException or ArgumentException or NoConnectionException)
            {
                await parsed.InvocationConfiguration.Error.WriteLineAsync(e.Message);
                return CouldNotRun;
            }
        });
        return command;
    }
}
