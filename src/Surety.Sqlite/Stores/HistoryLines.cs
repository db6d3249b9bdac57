using Surety.Sqlite.Sql;
using Surety.Storage;

namespace Surety.Sqlite.Stores;

/// <summary>The history of messages, whose lines are bounded.</summary>
internal static class HistoryLines
{
    public static void Add(Statements db, long message, AttemptInfo attempt)
    {
        AttemptSql.Add(db, message, attempt).Run();
        if (History.MayBeTooLong(attempt.ClaimNumber)) AttemptSql.Trim(db, message).Run();
    }
}
