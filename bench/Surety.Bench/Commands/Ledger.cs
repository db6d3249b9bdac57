using System.Data.Common;

namespace Surety.Bench.Commands;

/// <summary>The business part, the same text for both servers: two balances, one transfer, two entries.</summary>
internal static class Ledger
{
    public const int Accounts = 1_000;

    public const string Schema =
        """
        CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0));
        CREATE TABLE transfer (
            id INTEGER PRIMARY KEY, sender INTEGER NOT NULL, receiver INTEGER NOT NULL, amount INTEGER NOT NULL, reference TEXT,
            posted_at INTEGER NOT NULL);
        CREATE TABLE entry (
            account INTEGER NOT NULL, transfer INTEGER NOT NULL, amount INTEGER NOT NULL, balance_after INTEGER NOT NULL,
            PRIMARY KEY (account, transfer)) WITHOUT ROWID;
        WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 1000)
        INSERT INTO account (id, balance) SELECT id, 1000000000 FROM n;
        """;

    public const string PostgresSchema =
        """
        CREATE TABLE account (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL CHECK (balance >= 0));
        CREATE TABLE transfer (
            id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY, sender BIGINT NOT NULL, receiver BIGINT NOT NULL, amount BIGINT NOT NULL,
            reference TEXT, posted_at BIGINT NOT NULL);
        CREATE TABLE entry (
            account BIGINT NOT NULL, transfer BIGINT NOT NULL, amount BIGINT NOT NULL, balance_after BIGINT NOT NULL,
            PRIMARY KEY (account, transfer));
        INSERT INTO account (id, balance) SELECT id, 1000000000 FROM generate_series(1, 1000) AS n (id);
        """;

    public const string Debit =
        "UPDATE account SET balance = balance - @amount WHERE id = @account AND balance >= @amount RETURNING balance";
    public const string Credit = "UPDATE account SET balance = balance + @amount WHERE id = @account RETURNING balance";
    public const string Post =
        "INSERT INTO transfer (sender, receiver, amount, reference, posted_at) VALUES (@sender, @receiver, @amount, @reference, @at) "
            + "RETURNING id";
    public const string Enter =
        "INSERT INTO entry (account, transfer, amount, balance_after) VALUES (@account, @transfer, @amount, @balance)";
    public const string Audit =
        "SELECT (SELECT count(*) FROM transfer), (SELECT count(*) FROM entry), (SELECT CAST(sum(amount) AS BIGINT) FROM entry), (SELECT "
            + "CAST(sum(balance) AS BIGINT) FROM account)";

    public static string? Fault(Transfer command) =>
        command.Amount <= 0 ? "amount must be more than zero" : command.From == command.To
            ? "from and to are the same" : command.Reference is { Length: > 140 } ? "reference is longer than 140" : null;

    /// <summary>Null when the sender has too little.</summary>
    /// <param name="command">What is asked for.</param>
    /// <param name="at">The instant.</param>
    /// <param name="run">Runs one of the statements with these parameters and returns its first value.</param>
    public static async ValueTask<Transferred?> TransferAsync(
        Transfer command, DateTimeOffset at, Func<string, (string, object?)[], ValueTask<object?>> run)
    {
        if (await run(Debit, [("@amount", command.Amount), ("@account", command.From)]) is not long sender) return null;
        if (await run(Credit, [("@amount", command.Amount), ("@account", command.To)]) is not long receiver)
            throw new InvalidOperationException("No such account.");
        var id = (long)(await run(
            Post, [("@sender", command.From), ("@receiver", command.To),
            ("@amount", command.Amount), ("@reference", command.Reference), ("@at", at.ToUnixTimeMilliseconds())]))!;
        await run(Enter, [("@account", command.From), ("@transfer", id), ("@amount", -command.Amount), ("@balance", sender)]);
        await run(Enter, [("@account", command.To), ("@transfer", id), ("@amount", command.Amount), ("@balance", receiver)]);
        return new Transferred(id, command.From, command.To, command.Amount, command.Reference, at);
    }

    /// <summary>Sets the parameters and returns the first value, null for none.</summary>
    public static object? Scalar(DbCommand command, (string Name, object? Value)[] parameters)
    {
        Set(command, parameters);
        return command.ExecuteScalar();
    }

    /// <summary>A statement of the transaction's connection, where that is worth waiting for.</summary>
    public static async ValueTask<object?> ScalarAsync(
        DbTransaction transaction, string sql, (string Name, object? Value)[] parameters, CancellationToken cancel)
    {
        await using var command = transaction.Connection!.CreateCommand();
        (command.Transaction, command.CommandText) = (transaction, sql);
        Set(command, parameters);
        return await command.ExecuteScalarAsync(cancel);
    }

    private static void Set(DbCommand command, (string Name, object? Value)[] parameters)
    {
        foreach (var (name, value) in parameters)
        {
            if (command.Parameters.Contains(name))
            {
                command.Parameters[name].Value = value ?? DBNull.Value;
                continue;
            }

            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value ?? DBNull.Value);
            command.Parameters.Add(parameter);
        }
    }
}
