using System.Data;
using Microsoft.Data.Sqlite;
using SQLitePCL;
using Surety.Sqlite.Sql;

namespace Surety.Sqlite.Writer;

/// <summary>
/// The connection that writes. Users get it with their unit of work and may use it like any other; it lets through only commands that carry
/// the transaction whose turn it is, and it does not close under their hands.
/// </summary>
internal sealed class WriterConnection : SqliteConnection
{
    private readonly KeptCommands kept;
    private readonly List<WriterCommand> commands = [];
    private readonly Lock gate = new();
    private volatile UnitTurn? granted;
    private bool executing;
    private bool closing;

    public WriterConnection(string connectionString) : base(connectionString) => kept = new KeptCommands(this);

    // A plain SqliteCommand asks for this before it runs; one made with CreateCommand runs inside Execute.
    protected override SqliteTransaction? Transaction
    {
        get => executing || closing
            ? null
            : throw new InvalidOperationException(
                "Make commands for a unit of work with Connection.CreateCommand() and give them its transaction; one made with \"new "
                    + "SqliteCommand\" cannot be told from a stranger's.");
        set => throw new NotSupportedException("The unit of work is this connection's transaction.");
    }

    public override SqliteCommand CreateCommand()
    {
        var command = new WriterCommand(this) { Connection = this, CommandTimeout = DefaultTimeout };
        lock (gate) commands.Add(command);
        return command;
    }

    public override SqliteTransaction BeginTransaction(IsolationLevel isolationLevel, bool deferred) =>
        throw new InvalidOperationException(
            "This connection already is in the unit of work's transaction. Use savepoints (DbTransaction.SaveAsync), or a connection of "
                + "your own.");

    // Users' "using" must not take the connection from everybody else.
    public override void Close()
    {
        if (closing) base.Close();
    }

    protected override void Dispose(bool disposing)
    {
        if (closing) base.Dispose(disposing);
    }

    /// <summary>
    /// Puts the log into the database and closes. Closing the last connection does both by itself; while somebody else has the file open
    /// (another process, the application's own pool) this connection is not the last. Where they read at the moment, the log stays as it
    /// is, which harms nothing.
    /// </summary>
    public void EmptyLogAndClose()
    {
        closing = true;
        kept.Clear();
        // A failure, of a full disk for one, leaves the log: the next process that opens the file goes on with it.
        if (State == ConnectionState.Open) _ = raw.sqlite3_wal_checkpoint_v2(Handle, "main", raw.SQLITE_CHECKPOINT_TRUNCATE, out _, out _);
        Dispose();
    }

    public void CloseForGood()
    {
        closing = true;
        kept.Clear();
        Dispose();
    }

    /// <summary>Keeps users from ending the group's transaction with SQL text of their own.</summary>
    public void ForbidTransactionControl() => raw.sqlite3_set_authorizer(Handle, (delegate_authorizer)Authorize, this);

    private static int Authorize(object self, int action, utf8z first, utf8z second, utf8z database, utf8z trigger)
    {
        const int transaction = 22, savepoint = 32, ok = 0, deny = 1;
        if (action is not (transaction or savepoint) || ((WriterConnection)self).granted is null) return ok;
        return action == transaction
            || string.Equals(second.utf8_to_string(), ConnectionSql.MemberSavepoint, StringComparison.OrdinalIgnoreCase)
            ? deny
            : ok;
    }

    /// <summary>Lets the unit of work's commands through, until it is taken back.</summary>
    public void Grant(UnitTurn turn)
    {
        lock (gate) granted = turn;
    }

    /// <summary>
    /// Lets nothing through any more, and closes what is still open: a reader left behind could run its next statement in the middle of
    /// somebody else's work.
    /// </summary>
    /// <param name="interrupt">Stop a statement that is running right now instead of waiting for it.</param>
    public void TakeBack(bool interrupt)
    {
        while (!gate.TryEnter(interrupt ? TimeSpan.FromMilliseconds(20) : Timeout.InfiniteTimeSpan)) raw.sqlite3_interrupt(Handle);
        try
        {
            // Still granted: closing a reader runs the rest of its text, which may try to end the transaction.
            kept.TakeBack();
            // Disposing one takes it out of the library's own list.
            foreach (var command in commands) command.Dispose();
            commands.Clear();
        }
        finally
        {
            granted = null;
            gate.Exit();
        }
    }

    /// <summary>Runs the store's own statements inside the unit of work.</summary>
    public T Run<T>(UnitTurn turn, Func<T> run)
    {
        lock (gate)
        {
            Check(turn.Transaction);
            return run();
        }
    }

    /// <summary>Runs a user's command, if it is its turn.</summary>
    public T Execute<T>(System.Data.Common.DbTransaction? carried, Func<KeptCommands, T> run)
    {
        lock (gate)
        {
            Check(carried);
            executing = true;
            try
            {
                return run(kept);
            }
            catch (SqliteException e) when (e.SqliteErrorCode == raw.SQLITE_AUTH)
            {
                throw new InvalidOperationException(
                    "A unit of work is ended with CommitAsync or RollbackAsync, not with SQL: other work shares its transaction.", e);
            }
            finally
            {
                executing = false;
            }
        }
    }

    /// <summary>Closes a reader whose command is disposed.</summary>
    public void CloseReader(SqliteDataReader? reader)
    {
        if (reader is not { IsClosed: false }) return;
        lock (gate) reader.Dispose();
    }

    private void Check(System.Data.Common.DbTransaction? carried)
    {
        if (carried is WriterTransaction { Turn: var turn })
        {
            if (turn != granted || turn.Ending != UnitEnding.None) throw turn.UsedAfterEnd();
            // A full disk makes SQLite roll back by itself; the next statement would then commit on its own.
            if (raw.sqlite3_get_autocommit(Handle) == 0) return;
            throw new InvalidOperationException(
                "SQLite has rolled this unit of work back after an error. Roll it back, and begin a new one.");
        }

        throw new InvalidOperationException(
            "The command carries no transaction of a unit of work. Set command.Transaction (Dapper: the transaction argument; EF Core: "
                + "Database.UseTransaction) to UnitOfWork.Transaction, so that it cannot end up in somebody else's work.");
    }
}
