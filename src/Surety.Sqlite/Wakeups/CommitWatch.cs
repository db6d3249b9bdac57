using Microsoft.Data.Sqlite;
using Surety.Sqlite.Connections;
using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Wakeups;

/// <summary>
/// Sees commits of other processes and connections: SQLite keeps a number per connection that changes with every commit of another one. A
/// few microseconds a look, and no lock. On a thread of its own, which sleeps in the kernel: a pool thread that is woken for a look spins
/// for work afterwards, and that was most of what an idle host cost.
/// </summary>
internal sealed class CommitWatch(SqliteFile file, WorkSignal work) : IDisposable
{
    // How soon another process's enqueue is noticed; this process's own are signalled.
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    // Not a Lock: it is waited on as well.
    private readonly object gate = new();
    private (SqliteConnection Connection, Statements Db)? reader;
    private volatile Thread? thread;
    private long version;
    private bool closed;

    /// <summary>Begins to watch, unless it does already: every later commit of others is a pulse.</summary>
    public void Start()
    {
        if (thread is not null) return;
        lock (gate)
        {
            if (thread is not null || closed) return;
            version = Version();
            var looking = new Thread(Run) { IsBackground = true, Name = "surety watch" };
            looking.UnsafeStart();
            thread = looking;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            closed = true;
            Monitor.PulseAll(gate);
        }

        thread?.Join();
        Close();
    }

    private void Run()
    {
        while (!IsClosedAfter(Look))
        {
            try
            {
                if (Version() is var now && now == version) continue;
                version = now;
                work.Pulse();
            }
            catch (Exception e) when (e is SqliteException or StoreException)
            {
                // Looked at anew with another connection, whose numbers are its own. The loops that are woken meet the trouble themselves,
                // and report it.
                Close();
                version = -1;
            }
        }
    }

    private bool IsClosedAfter(TimeSpan pause)
    {
        lock (gate)
        {
            if (!closed) Monitor.Wait(gate, pause);
            return closed;
        }
    }

    private long Version()
    {
        if (reader is null)
        {
            var connection = file.OpenReader();
            reader = (connection, new Statements(connection.Handle!));
        }

        return reader.Value.Db.Prepare(ConnectionSql.DataVersion).Number() ?? 0;
    }

    private void Close()
    {
        reader?.Db.Dispose();
        reader?.Connection.Dispose();
        reader = null;
    }
}
