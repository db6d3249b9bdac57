using System.Data;
using System.Data.Common;

namespace Surety.Sqlite.Writer;

/// <summary>What a unit of work hands to ADO.NET, Dapper and EF Core. Its end belongs to the unit of work.</summary>
internal sealed class WriterTransaction(UnitTurn turn) : DbTransaction
{
    public UnitTurn Turn => turn;

    public override IsolationLevel IsolationLevel => IsolationLevel.Serializable;

    public override bool SupportsSavepoints => true;

    protected override DbConnection? DbConnection => turn.Ending == UnitEnding.None ? turn.Writer.Connection : null;

    public override void Commit() =>
        throw new InvalidOperationException(
            "This transaction belongs to a unit of work, which shares its commit with others: call CommitAsync on the unit of work.");

    public override void Rollback() =>
        throw new InvalidOperationException(
            "This transaction belongs to a unit of work: call RollbackAsync on the unit of work, or dispose it without a commit.");

    public override void Save(string savepointName) => Run("SAVEPOINT ", savepointName);

    public override void Rollback(string savepointName) => Run("ROLLBACK TO ", savepointName);

    public override void Release(string savepointName) => Run("RELEASE ", savepointName);

    private void Run(string what, string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        using var command = turn.Writer.Connection.CreateCommand();
#pragma warning disable CA2100 // A savepoint's name is an identifier, which no parameter can carry; quoted here.
        command.CommandText = what + '"' + name.Replace("\"", "\"\"", StringComparison.Ordinal) + '"';
#pragma warning restore CA2100
        ((DbCommand)command).Transaction = this;
        command.ExecuteNonQuery();
    }
}
