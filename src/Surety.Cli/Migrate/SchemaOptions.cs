using System.CommandLine;

namespace Surety.Cli.Migrate;

/// <summary>The options that say which schema is meant.</summary>
internal sealed class SchemaOptions
{
    private const string Sqlite = "sqlite", Postgres = "postgres";
    private const string Variable = "ConnectionStrings__main";

    private readonly Option<string> store = new Option<string>("--store")
    {
        Description = "Where the messages are.", Required = true, Recursive = true,
    }.AcceptOnlyFromAmong(Sqlite, Postgres);

    private readonly Option<string?> connection = new("--connection")
    {
        Description = $"The connection string; by default the environment variable {Variable}, "
            + "which keeps a password out of the list of processes.",
        Recursive = true,
    };

    private readonly Option<string> schema = new("--schema")
    {
        Description = "The schema on PostgreSQL.", DefaultValueFactory = _ => new PostgresOptions().Schema, Recursive = true,
    };

    public void AddTo(Command command)
    {
        command.Options.Add(store);
        command.Options.Add(connection);
        command.Options.Add(schema);
    }

    /// <summary>The schema in its database.</summary>
    /// <exception cref="NoConnectionException">Nothing says where the database is.</exception>
    public ISchema Connect(ParseResult parsed) => Open(parsed, ConnectionString(parsed) ?? throw new NoConnectionException(Variable));

    /// <summary>The schema for its scripts, which need no database.</summary>
    public ISchema Unconnected(ParseResult parsed) => Open(parsed, "");

    private string? ConnectionString(ParseResult parsed) => parsed.GetValue(connection) ?? Environment.GetEnvironmentVariable(Variable);

    private ISchema Open(ParseResult parsed, string connectionString) =>
        parsed.GetValue(store) == Postgres
            ? new PostgresSchema(connectionString, parsed.GetValue(schema)!) : new SqliteSchema(connectionString);
}
