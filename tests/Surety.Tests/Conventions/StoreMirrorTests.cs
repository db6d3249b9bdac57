using System.Text.RegularExpressions;
using Shouldly;

namespace Surety.Tests.Conventions;

/// <summary>
/// Who knows one store finds their way in the other: the same folders and the same file names, so that a comparison of two files shows
/// where the databases differ. What only one of them has is named here, with the reason.
/// </summary>
public sealed partial class StoreMirrorTests
{
    private static readonly (string File, string Reason)[] OnlyPostgres =
    [
        ("Connections/*Connections", "a server has many connections, and a pooler may be between"),
        ("Connections/Ahead", "a limit goes ahead of a transaction's first statement"),
        ("Connections/CommitGate", "a server's answer to COMMIT can be lost"),
        ("Connections/DriverFault", "a connection to a server breaks in many ways"),
        ("Connections/InvariantCulture", "the driver reads connection strings by the current culture"),
        ("Connections/Server", "a server has settings of its own"),
        ("Connections/TransactionLimits", "a server goes on when its client is frozen"),
        ("Segments/", "many nodes share the work, and plain messages are appended instead of updated"),
        ("Sql/HintSql", "processes are woken through the server"),
        ("Sql/LimitSql", "as TransactionLimits"),
        ("Sql/MessageTables", "its statements depend on the schema's name, so they are objects that are passed on"),
        ("Stores/SettlePlan", "a group of settlements is one round trip"),
        ("Wakeups/ClaimPlanner", "many nodes look for messages, and each look is a round trip"),
        ("Wakeups/NodeRank", "as WorkCall"),
        ("Wakeups/WorkCall", "one node of many is called at a time"),
        ("Wakeups/Hints", "processes are woken through the server"),
    ];

    private static readonly (string File, string Reason)[] OnlySqlite =
    [
        ("Connections/*File", "the database is a file"),
        ("Connections/FileLinks", "a file may have several names"),
        ("Connections/Locks", "the library does not wait well for the file's locks"),
        ("Connections/Readers", "readers are connections of their own beside the one that writes"),
        ("Connections/SteadyClock", "a file has no server whose clock everybody reads"),
        ("Connections/WorkerLock", "one process works at a time"),
        ("Sql/ClockSql", "as SteadyClock"),
        ("Sql/ConnectionSql", "each connection is set up with statements, and the writer's savepoints are statements"),
        ("Sql/Instants", "instants are stored as numbers"),
        ("Stores/Arrival", "what PostgreSQL's statement decides is decided here, row by row, under the write lock"),
        ("Stores/HistoryLines", "as Arrival"),
        ("Stores/Changes", "as Arrival"),
        ("Stores/GivingBack", "as Arrival"),
        ("Stores/Settling", "as Arrival"),
        ("Wakeups/CommitWatch", "other processes' commits are seen in the file"),
        ("Writer/", "one connection writes for the whole process, and its commits are shared"),
    ];

    [Fact]
    public void The_stores_have_the_same_files_but_for_those_named_here_with_a_reason()
    {
        var (postgres, sqlite) = (FilesOf("Postgres"), FilesOf("Sqlite"));
        postgres.Except(sqlite).Where(f => !IsNamed(f, OnlyPostgres)).ShouldBeEmpty("only PostgreSQL has them, and nobody says why");
        sqlite.Except(postgres).Where(f => !IsNamed(f, OnlySqlite)).ShouldBeEmpty("only SQLite has them, and nobody says why");
    }

    [Fact]
    public void No_exception_outlives_its_file()
    {
        var (postgres, sqlite) = (FilesOf("Postgres"), FilesOf("Sqlite"));
        OnlyPostgres.Where(e => !postgres.Except(sqlite).Any(f => IsNamed(f, [e]))).Select(e => e.File).ShouldBeEmpty();
        OnlySqlite.Where(e => !sqlite.Except(postgres).Any(f => IsNamed(f, [e]))).Select(e => e.File).ShouldBeEmpty();
    }

    [Fact]
    public void What_both_have_stands_in_the_same_order()
    {
        var (postgres, sqlite) = (FoldersOf("Surety.Postgres"), FoldersOf("Surety.Sqlite"));
        postgres.Intersect(sqlite).ShouldBe(sqlite.Intersect(postgres));
    }

    private static string[] FoldersOf(string project) => FolderOrder.All.Single(o => o.Project == project).Folders;

    private static bool IsNamed(string file, (string File, string Reason)[] exceptions) =>
        exceptions.Any(e => e.File.EndsWith('/') ? file.StartsWith(e.File, StringComparison.Ordinal) : file == e.File);

    private static List<string> FilesOf(string store)
    {
        var folder = Path.Combine(Repository.Root, "src", $"Surety.{store}");
        return [.. Repository.Sources($"src/Surety.{store}")
            .Select(f => Path.GetRelativePath(folder, f).Replace('\\', '/'))
            .Select(f => StoreName().Replace(f[..^".cs".Length], "*"))
            .Order(StringComparer.Ordinal)];
    }

    [GeneratedRegex("(?<=^|/)(?:Postgres|Sqlite)")]
    private static partial Regex StoreName();
}
