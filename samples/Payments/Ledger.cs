using System.Data.Common;
using Dapper;
using Surety;

namespace Payments;

/// <summary>
/// Double entry: every movement of money debits one account and credits another by the same amount, in the caller's transaction, together
/// with the message that tells the rest of the system.
/// </summary>
public sealed class Ledger(IQueue queue, BookStore store, TimeProvider time)
{
    /// <summary>Far from the end of 64 bits, so that no sum can get there.</summary>
    public const long MaxBalance = 1_000_000_000_000_000_000;

    private const string AccountColumns =
        "SELECT id, kind, owner, currency, balance, overdraft_limit AS OverdraftLimit, revision FROM account";

    public async Task<Posting> PostAsync(Movement movement, UnitOfWork work, CancellationToken cancel)
    {
        // Locked before the rules are checked, and in the order of their ids whichever way the money goes, so that no two movements wait
        // for each other.
        var accounts = (await work.Connection.QueryAsync<Account>(
            new($"{AccountColumns} WHERE id IN (@From, @To) ORDER BY id {store.ForUpdate}",
                new { movement.From, movement.To }, work.Transaction, cancellationToken: cancel))).AsList();
        var (from, to) = (accounts.Find(a => a.Id == movement.From), accounts.Find(a => a.Id == movement.To));
        if (Rules.Refuse(movement, from, to) is { } refusal) return new Posting(null, refusal);

        var postedAt = time.GetUtcNow();
        var id = await work.Connection.ExecuteScalarAsync<long>(new(
            """
            INSERT INTO transfer (kind, from_account, to_account, amount, currency, reference, posted_at)
            VALUES (@Kind, @From, @To, @Amount, @Currency, @Reference, @PostedAt) RETURNING id
            """,
            new { movement.Kind, movement.From,
                movement.To, movement.Amount, from!.Currency, movement.Reference, PostedAt = postedAt.ToUnixTimeMilliseconds() },
            work.Transaction,
            cancellationToken: cancel));
        await EnterAsync(id, from, -movement.Amount, work, cancel);
        await EnterAsync(id, to!, movement.Amount, work, cancel);
        await queue.EnqueueAsync(new TransferPosted(id), work, cancel);
        return new Posting(await FindTransferAsync(work.Connection, id, cancel, work), null);
    }

    /// <summary>The account that stands for the world outside, or for money that is on its way there; made at its first use.</summary>
    public static async Task<long> HouseAccountAsync(string kind, string currency, UnitOfWork work, CancellationToken cancel)
    {
        if (await FindHouseAsync() is { } id) return id;
        // A transaction that makes one has locked no account yet, so a transaction that waits here for another's waits in no circle.
        await work.Connection.ExecuteAsync(new(
            "INSERT INTO account (kind, owner, currency) VALUES (@kind, 'house', @currency) ON CONFLICT DO NOTHING",
                new { kind, currency }, work.Transaction, cancellationToken: cancel));
        return await FindHouseAsync() ?? throw new InvalidOperationException(
            $"There is no {kind} account in {currency} although it was just made.");

        Task<long?> FindHouseAsync() =>
            work.Connection.ExecuteScalarAsync<long?>(
                new("SELECT id FROM account WHERE kind = @kind AND currency = @currency",
                new { kind, currency }, work.Transaction, cancellationToken: cancel));
    }

    public static Task<Account?> FindAsync(DbConnection connection, long id, CancellationToken cancel, DbTransaction? transaction = null) =>
        connection.QuerySingleOrDefaultAsync<Account>(
            new($"{AccountColumns} WHERE id = @id", new { id }, transaction, cancellationToken: cancel));

    /// <summary>As it is now; nobody else changes it before the unit of work ends.</summary>
    public static Task<Account?> LockAsync(long id, BookStore store, UnitOfWork work, CancellationToken cancel) =>
        work.Connection.QuerySingleOrDefaultAsync<Account>(
            new($"{AccountColumns} WHERE id = @id {store.ForUpdate}", new { id }, work.Transaction, cancellationToken: cancel));

    public static Task<Transfer?> FindTransferAsync(
        DbConnection connection, long id, CancellationToken cancel, DbTransaction? transaction = null) =>
        connection.QuerySingleOrDefaultAsync<Transfer>(new(
            "SELECT id, kind, from_account AS FromAccount, to_account AS ToAccount, amount, currency, reference, posted_at AS PostedAt "
                + "FROM transfer WHERE id = @id", new { id }, transaction,
            cancellationToken: cancel));

    private static async Task EnterAsync(long transfer, Account account, long amount, UnitOfWork work, CancellationToken cancel)
    {
        var balance = await work.Connection.ExecuteScalarAsync<long>(new(
            "UPDATE account SET balance = balance + @amount, revision = revision + 1 WHERE id = @Id RETURNING balance",
                new { account.Id, amount }, work.Transaction, cancellationToken: cancel));
        await work.Connection.ExecuteAsync(new(
            "INSERT INTO entry (transfer, account, amount, balance_after) VALUES (@transfer, @Id, @amount, @balance)",
            new { transfer, account.Id, amount, balance }, work.Transaction,
            cancellationToken: cancel));
    }
}

/// <summary>Money that is to move.</summary>
public sealed record Movement(string Kind, long From, long To, long Amount, string? Reference);

/// <summary>The transfer, or why there is none.</summary>
public readonly record struct Posting(Transfer? Transfer, Refusal? Refusal);

/// <summary>An account's row.</summary>
public sealed record Account(long Id, string Kind, string Owner, string Currency, long Balance, long OverdraftLimit, long Revision);

/// <summary>A transfer's row.</summary>
public sealed record Transfer(
    long Id, string Kind, long FromAccount, long ToAccount, long Amount, string Currency, string? Reference, long PostedAt);
