using Microsoft.Data.Sqlite;
using SQLitePCL;
using Surety.Sqlite.Sql;
using Surety.Sqlite.Writer;

namespace Surety.Sqlite.Connections;

/// <summary>
/// The database file, and how connections to it are opened: every one of them with WAL and full synchronization, set and read back.
/// </summary>
internal sealed class SqliteFile
{
    // The library's word for the folder that it looks for relative paths in, if the process has named one.
    private const string DataFolder = "DataDirectory", DataFolderMacro = $"|{DataFolder}|";

    private readonly string writing;
    private readonly string reading;

    public SqliteFile(string connectionString)
    {
        Batteries_V2.Init();
        var given = new SqliteConnectionStringBuilder(connectionString);
        if (given.Mode == SqliteOpenMode.Memory || given.Cache == SqliteCacheMode.Shared || given.DataSource is "" or ":memory:"
            || given.DataSource.StartsWith("file:", StringComparison.OrdinalIgnoreCase))
        {
            throw new StoreException(
                $"The data source \"{given.DataSource}\" is not a plain file: what is kept in memory or in a shared cache is gone with "
                    + "the process. Name a file.");
        }

        FullPath = PathOf(given.DataSource);
        given.DataSource = FullPath;
        given.Pooling = false;
        writing = given.ToString();
        // Their own pool: a pooled connection must never come back to somebody as something else.
        given.Pooling = true;
        given.Mode = SqliteOpenMode.ReadOnly;
        reading = given.ToString();
    }

    /// <summary>The file's one name: absolute, and without symbolic links.</summary>
    public string FullPath { get; }

    /// <summary>
    /// The one name of the file that a connection string names. Another spelling of it leads to the same file, the same log and the same
    /// lock.
    /// </summary>
    public static string PathOf(string dataSource)
    {
        if (AppDomain.CurrentDomain.GetData(DataFolder) is not string { Length: > 0 } folder) return FileLinks.Resolve(dataSource);
        var isMacro = dataSource.StartsWith(DataFolderMacro, StringComparison.OrdinalIgnoreCase);
        return FileLinks.Resolve(Path.Combine(folder, isMacro ? dataSource[DataFolderMacro.Length..] : dataSource));
    }

    /// <summary>For people: the file without its folders.</summary>
    public string Name => Path.GetFileName(FullPath);

    /// <summary>Opens the connection that writes; the caller closes it with <see cref="WriterConnection.CloseForGood"/>.</summary>
    public async Task<(WriterConnection Connection, Statements Db)> OpenWriterAsync(CancellationToken cancel)
    {
        FileLinks.ThrowIfSeveral(FullPath);
        var connection = new WriterConnection(writing);
        try
        {
            connection.Open();
            // SQLite opens what it may not write without a word, and even begins a transaction on it.
            if (raw.sqlite3_db_readonly(connection.Handle, "main") == 1)
                throw new StoreException(
                    $"The database {Name} is read-only. Give this process the right to write the file and its folder.");
            var db = new Statements(connection.Handle!);
            db.Run(ConnectionSql.WaitForNoLocks);
            if (await Locks.WhenFreeAsync(() => db.Prepare(ConnectionSql.UseWal).Text(), cancel) != "wal")
                throw new StoreException(
                    $"The database {Name} cannot use a write-ahead log, so it would be less durable than promised. Put it on a local "
                        + "disk.");
            db.Run(ConnectionSql.UseFullSync);
            db.Run(ConnectionSql.UseForeignKeys);
            db.Run(ConnectionSql.TemporariesInMemory);
            if (db.Prepare(ConnectionSql.Synchronous).Number() != ConnectionSql.FullSync)
                throw new StoreException(
                    $"The database {Name} did not accept synchronous=FULL, so it would be less durable than promised.");
            return (connection, db);
        }
        catch (SqliteException e)
        {
            connection.CloseForGood();
            throw Errors.From(e, $"The database {Name} cannot be opened");
        }
        catch
        {
            connection.CloseForGood();
            throw;
        }
    }

    /// <summary>Opens a connection that only reads. Disposing it gives it back to the library's pool.</summary>
    public SqliteConnection OpenReader()
    {
        var connection = new SqliteConnection(reading);
        try
        {
            connection.Open();
            using var settings = connection.CreateCommand();
            settings.CommandText = ConnectionSql.OfReaders;
            settings.ExecuteNonQuery();
            return connection;
        }
        catch (SqliteException e)
        {
            connection.Dispose();
            throw Errors.From(e, $"The database {Name} cannot be read");
        }
    }

    /// <summary>Forgets pooled connections, so that the file may be moved or deleted.</summary>
    public void ClearPool()
    {
        using var connection = new SqliteConnection(reading);
        SqliteConnection.ClearPool(connection);
    }
}
