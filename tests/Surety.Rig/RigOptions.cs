namespace Surety.Rigs;

/// <summary>What a rig is made of.</summary>
/// <param name="Store">Where the backend keeps its books: <c>sqlite</c> or <c>postgres</c>.</param>
/// <param name="Nodes">How many backends work on the one database; more than one only on PostgreSQL.</param>
/// <param name="Before">Words before the backend's command line, such as <c>strace -f</c>.</param>
/// <param name="Connection">Words behind PostgreSQL's connection string, such as <c>Command Timeout=2</c>.</param>
/// <param name="Environment">Variables for the node of that number, from 0; they win over the rig's own.</param>
/// <param name="Server">Variables of PostgreSQL's own environment, each as <c>NAME=value</c>.</param>
/// <param name="Pooled">Whether the backends reach PostgreSQL through PgBouncer.</param>
internal sealed record RigOptions(
    string Store = RigOptions.Sqlite, int Nodes = 1, IReadOnlyList<string>? Before = null,
        string Connection = "", Func<int, IReadOnlyDictionary<string, string>>? Environment = null,
    IReadOnlyList<string>? Server = null, bool Pooled = false)
{
    public const string Sqlite = "sqlite", Postgres = "postgres";
    public const int MostNodes = 8;

    public void Check()
    {
        if (Store is not (Sqlite or Postgres)) throw new RigException($"The store is \"{Store}\"; it must be {Sqlite} or {Postgres}.");
        if (Nodes is < 1 or > MostNodes) throw new RigException($"{Nodes} nodes are asked for; it must be 1 to {MostNodes}.");
        if (Nodes > 1 && Store != Postgres)
            throw new RigException($"{Nodes} nodes need --store {Postgres}: on SQLite one process works at a time.");
        if (Pooled && Store != Postgres) throw new RigException($"--pgbouncer needs --store {Postgres}.");
    }
}
