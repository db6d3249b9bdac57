using System.Data;
using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace Surety.Sqlite;

/// <summary>A command on the connection that writes. Takes the unit of work's transaction where the library's own would only take its own kind.</summary>
internal sealed class WriterCommand(WriterConnection connection) : SqliteCommand
{
    private DbTransaction? carried;

    protected override DbTransaction? DbTransaction
    {
        get => carried;
        set => carried = value;
    }

    // Every other way to execute comes through here.
    public override SqliteDataReader ExecuteReader(CommandBehavior behavior) => connection.Execute(carried, () => base.ExecuteReader(behavior));

    public override void Prepare() => connection.Execute(carried, () =>
    {
        base.Prepare();
        return true;
    });

    internal void CloseReader() => DataReader?.Dispose();
}
