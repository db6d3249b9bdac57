using System.Data;
using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace Surety.Sqlite.Writer;

/// <summary>
/// A command on the connection that writes. Takes the unit of work's transaction where the library's own would only take its own kind, and
/// has its text executed by a statement that is kept prepared.
/// </summary>
internal sealed class WriterCommand(WriterConnection connection) : SqliteCommand
{
    private DbTransaction? carried;
    private SqliteDataReader? reading;

    protected override DbTransaction? DbTransaction
    {
        get => carried;
        set => carried = value;
    }

    // Every other way to execute comes through here.
    public override SqliteDataReader ExecuteReader(CommandBehavior behavior) => connection.Execute(carried, kept =>
    {
        if (reading is { IsClosed: false })
            throw new InvalidOperationException("The command has an open reader. Close it, or make another command.");
        return reading = kept.Execute(this, behavior);
    });

    public override void Prepare() => connection.Execute(carried, kept =>
    {
        kept.Prepare(CommandText);
        return true;
    });

    protected override void Dispose(bool disposing)
    {
        if (disposing) connection.CloseReader(reading);
        base.Dispose(disposing);
    }
}
