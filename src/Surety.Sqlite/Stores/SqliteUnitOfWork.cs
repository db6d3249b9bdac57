using System.Data.Common;
using Surety.Sqlite.Writer;

namespace Surety.Sqlite.Stores;

/// <summary>A member of the writer's current group, in the hands of a user.</summary>
internal sealed class SqliteUnitOfWork(UnitTurn turn) : OwnedUnitOfWork
{
    public override DbTransaction Transaction => turn.Ending == UnitEnding.None ? turn.Transaction : throw turn.UsedAfterEnd();

    public override Task CommitAsync()
    {
        if (!turn.TryEnd(UnitEnding.Commit)) throw turn.UsedAfterEnd();
        return turn.Done;
    }

    public override Task RollbackAsync() => turn.TryEnd(UnitEnding.Rollback) ? turn.Done : Task.CompletedTask;

    public override async ValueTask DisposeAsync()
    {
        try
        {
            await RollbackAsync();
        }
        catch (StoreException)
        {
            // Nothing of this unit of work is stored, which is all that disposing asks for.
        }
    }
}
