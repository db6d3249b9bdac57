using Npgsql;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres;

/// <summary>A group of settlements as one round trip: plain successes in one statement, every other in one of its own, then what follows from their ends.</summary>
internal sealed class SettlePlan
{
    private readonly IReadOnlyList<Settlement> settlements;
    private readonly bool locks;
    private readonly bool deletes;

    public SettlePlan(IReadOnlyList<Settlement> settlements, MessageSql sql)
    {
        this.settlements = settlements;
        var commands = new List<NpgsqlBatchCommand>();
        var ended = settlements.Where(s => s.Next != NextState.Waiting).ToList();
        var keyed = ended.Where(s => s.Message.OrderingKey is not null).ToList();
        string[] queues = [.. keyed.Select(s => s.Message.Queue)];
        string[] keys = [.. keyed.Select(s => s.Message.OrderingKey!)];
        locks = keyed.Count > 0;
        if (locks) commands.Add(sql.LockKeys(queues, keys));

        var deleted = settlements.Where(IsDeleted).ToList();
        deletes = deleted.Count > 0;
        if (deletes) commands.Add(sql.Delete([.. deleted.Select(s => s.Message.Claim.Id.Value)], [.. deleted.Select(s => s.Message.Claim.Number)]));
        commands.AddRange(settlements.Where(s => !IsDeleted(s)).Select(sql.Settle));

        // A first claim that succeeds leaves no history.
        long[] withHistory = [.. deleted.Where(s => s.Message.Claim.Number > 1).Select(s => s.Message.Claim.Id.Value)];
        if (withHistory.Length > 0) commands.Add(sql.DeleteAttempts(withHistory));
        commands.AddRange(settlements.Where(s => s.Recorded && s.Message.Claim.Number > 50).Select(s => sql.TrimAttempts(s.Message.Claim.Id.Value)));
        long[] holders = [.. ended.Where(s => s.Message.HoldsUniqueKey).Select(s => s.Message.Claim.Id.Value)];
        if (holders.Length > 0) commands.Add(sql.FreeKeys(holders));
        if (locks) commands.Add(sql.Unblock(queues, keys));
        Commands = [.. commands];
        MakesWork = locks || settlements.Any(s => s.Next == NextState.Waiting);
    }

    public NpgsqlBatchCommand[] Commands { get; }

    /// <summary>Whether something may become claimable by it.</summary>
    public bool MakesWork { get; }

    public async Task<IReadOnlyList<bool>> ReadAsync(NpgsqlDataReader reader)
    {
        if (locks) await reader.NextResultAsync(CancellationToken.None);
        var held = new HashSet<long>();
        var answers = new bool[settlements.Count];
        if (deletes)
        {
            while (await reader.ReadAsync(CancellationToken.None)) held.Add(reader.GetInt64(0));
            await reader.NextResultAsync(CancellationToken.None);
        }

        for (var i = 0; i < answers.Length; i++)
        {
            if (IsDeleted(settlements[i]))
            {
                answers[i] = held.Remove(settlements[i].Message.Claim.Id.Value);
                continue;
            }

            answers[i] = await reader.ReadAsync(CancellationToken.None);
            await reader.NextResultAsync(CancellationToken.None);
        }

        return answers;
    }

    private static bool IsDeleted(Settlement settlement) => settlement is { Next: NextState.Succeeded, Message.Tracked: false };
}
