using Npgsql;
using Surety.Postgres.Sql;
using Surety.Storage;

namespace Surety.Postgres.Stores;

/// <summary>
/// A group of settlements as one round trip: plain successes in one statement, what is tried again in another, every other in one of its
/// own, then what follows from their ends.
/// </summary>
internal sealed class SettlePlan
{
    private readonly IReadOnlyList<Settlement> settlements;
    private readonly bool locks;
    private readonly bool deletes;
    private readonly bool waits;

    public SettlePlan(IReadOnlyList<Settlement> settlements, MessageTables tables)
    {
        this.settlements = settlements;
        var sql = tables.Messages;
        var commands = new List<NpgsqlBatchCommand>();
        var ended = settlements.Where(s => s.Next != NextState.Waiting).ToList();
        var keyed = ended.Where(s => s.Message.OrderingKey is not null).ToList();
        string[] queues = [.. keyed.Select(s => s.Message.Queue)];
        string[] keys = [.. keyed.Select(s => s.Message.OrderingKey!)];
        locks = keyed.Count > 0;
        if (locks) commands.Add(sql.LockKeys(queues, keys));

        var deleted = settlements.Where(s => s.LeavesNoRow()).ToList();
        deletes = deleted.Count > 0;
        if (deletes)
            commands.Add(sql.Delete([.. deleted.Select(s => s.Message.Claim.Id.Value)], [.. deleted.Select(s => s.Message.Claim.Number)]));
        var waiting = settlements.Where(s => s.Next == NextState.Waiting).ToList();
        waits = waiting.Count > 0;
        if (waits) commands.Add(sql.Wait(waiting));
        commands.AddRange(settlements.Where(s => !s.LeavesNoRow() && s.Next != NextState.Waiting).Select(sql.Finish));

        long[] withHistory = [.. deleted.Where(s => s.MayHaveHistory()).Select(s => s.Message.Claim.Id.Value)];
        if (withHistory.Length > 0) commands.Add(tables.Attempts.Delete(withHistory));
        commands.AddRange(
            settlements.Where(s => s.Recorded && History.MayBeTooLong(s.Message.Claim.Number))
                .Select(s => tables.Attempts.Trim(s.Message.Claim.Id.Value)));
        long[] holders = [.. ended.Where(s => s.Message.HoldsUniqueKey).Select(s => s.Message.Claim.Id.Value)];
        if (holders.Length > 0) commands.Add(tables.Unique.Free(holders));
        if (locks) commands.Add(sql.Unblock(queues, keys));
        Commands = [.. commands];
        MakesWork = locks || waits;
    }

    public NpgsqlBatchCommand[] Commands { get; }

    /// <summary>Whether something may become claimable by it.</summary>
    public bool MakesWork { get; }

    public async Task<IReadOnlyList<bool>> ReadAsync(NpgsqlDataReader reader)
    {
        if (locks) await reader.NextResultAsync(CancellationToken.None);
        var deleted = deletes ? await IdsAsync(reader) : [];
        var waiting = waits ? await IdsAsync(reader) : [];
        var answers = new bool[settlements.Count];
        for (var i = 0; i < answers.Length; i++)
        {
            var settlement = settlements[i];
            if (settlement.LeavesNoRow() || settlement.Next == NextState.Waiting)
            {
                answers[i] = (settlement.LeavesNoRow() ? deleted : waiting).Remove(settlement.Message.Claim.Id.Value);
                continue;
            }

            answers[i] = await reader.ReadAsync(CancellationToken.None);
            await reader.NextResultAsync(CancellationToken.None);
        }

        return answers;
    }

    private static async Task<HashSet<long>> IdsAsync(NpgsqlDataReader reader)
    {
        var ids = new HashSet<long>();
        while (await reader.ReadAsync(CancellationToken.None)) ids.Add(reader.GetInt64(0));
        await reader.NextResultAsync(CancellationToken.None);
        return ids;
    }

}
