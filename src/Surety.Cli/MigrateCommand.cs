using System.CommandLine;
using Surety.Cli.Migrate;
using Surety.Cli.Rigs;
using Command = System.CommandLine.Command;

namespace Surety.Cli;

/// <summary>Brings a store's schema up to date, or back, or says how.</summary>
internal static class MigrateCommand
{
    private const int Done = 0, NotCurrent = 1, CouldNotRun = 2;
    private const string Variable = "ConnectionStrings__main";

    public static Command Create()
    {
        var store = new Option<string>("--store") { Description = "Where the messages are.", Required = true, Recursive = true }.AcceptOnlyFromAmong(RigOptions.Sqlite, RigOptions.Postgres);
        var connection = new Option<string?>("--connection")
        {
            Description = $"The connection string; by default the environment variable {Variable}, which keeps a password out of the list of processes.", Recursive = true,
        };
        var schema = new Option<string>("--schema") { Description = "The schema on PostgreSQL.", DefaultValueFactory = _ => new PostgresOptions().Schema, Recursive = true };
        var from = new Option<int>("--from") { Description = "The version there is; 0 for none.", Required = true };
        var to = new Option<int>("--to") { Description = "The version there is to be; 0 for none.", Required = true };
        var newest = new Option<int?>("--to") { Description = "The version there is to be; by default the newest, 0 for none." };
        var yes = new Option<bool>("--yes") { Description = "Yes, drop what only the newer versions keep." };

        return new Command("migrate", "The schema of a store: its state, the way to the newest version and the way back.")
        {
            store, connection, schema,
            Sub("status", "Says which version there is. Exit code 0 when it is the newest, 1 when it is not.", async (tables, parsed, cancel) =>
            {
                var version = await tables.VersionAsync(cancel);
                await parsed.InvocationConfiguration.Output.WriteLineAsync($"version {version}, newest {tables.Newest}");
                return version == tables.Newest ? Done : NotCurrent;
            }),
            Sub("up", "Brings it to the newest version. Safe while hosts run, and from several places at once.", async (tables, parsed, cancel) =>
            {
                await tables.UpAsync(cancel);
                await parsed.InvocationConfiguration.Output.WriteLineAsync($"version {await tables.VersionAsync(cancel)}");
                return Done;
            }),
            Sub("down", "Takes it back to an older version. Stop every host that needs the newer one first.", async (tables, parsed, cancel) =>
            {
                if (!parsed.GetValue(yes))
                {
                    var output = parsed.InvocationConfiguration.Error;
                    await output.WriteLineAsync($"Nothing was done. To run this, say --yes; it cannot be undone:\n\n{tables.Script(await tables.VersionAsync(cancel), parsed.GetValue(to))}");
                    return CouldNotRun;
                }

                await tables.DownAsync(parsed.GetValue(to), cancel);
                await parsed.InvocationConfiguration.Output.WriteLineAsync($"version {await tables.VersionAsync(cancel)}");
                return Done;
            }, to, yes),
            Sub("script", "Prints the statements between two versions, up or down, as one transaction. Needs no connection.", async (tables, parsed, cancel) =>
            {
                await parsed.InvocationConfiguration.Output.WriteAsync(tables.Script(parsed.GetValue(from), parsed.GetValue(newest) ?? tables.Newest).AsMemory(), cancel);
                return Done;
            }, from, newest),
        };

        Command Sub(string name, string description, Func<ISchema, ParseResult, CancellationToken, Task<int>> run, params Option[] options)
        {
            var command = new Command(name, description);
            foreach (var option in options) command.Options.Add(option);
            command.SetAction(async (parsed, cancel) =>
            {
                try
                {
                    return await run(Open(parsed, needsConnection: name != "script"), parsed, cancel);
                }
                catch (Exception e) when (e is StoreException or ArgumentException or RigException)
                {
                    await parsed.InvocationConfiguration.Error.WriteLineAsync(e.Message);
                    return CouldNotRun;
                }
            });
            return command;
        }

        ISchema Open(ParseResult parsed, bool needsConnection)
        {
            var text = parsed.GetValue(connection) ?? Environment.GetEnvironmentVariable(Variable);
            if (text is null && needsConnection) throw new RigException($"No connection string: say --connection, or set {Variable}.");
            return parsed.GetValue(store) == RigOptions.Postgres ? new PostgresSchema(text ?? "", parsed.GetValue(schema)!) : new SqliteSchema(text ?? "");
        }
    }
}
