using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Surety.Bench.Queues;

/// <summary>
/// The queue a good engineer writes by hand over the same SQLite library: one table with state, due instant and attempts, a partial index
/// for the claim, prepared commands on one connection, immediate transactions, the same durability (WAL, synchronous=FULL). Not safe for
/// concurrent use; who needs that takes <see cref="Turn"/>.
/// </summary>
internal sealed class HandQueue : IDisposable
{
    public const string Schema =
        """
        CREATE TABLE job (
            id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, kind TEXT NOT NULL, enqueued_at INTEGER NOT NULL,
            due_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, claimed_at INTEGER, payload BLOB NOT NULL);
        CREATE INDEX job_ready ON job (due_at, id) WHERE state = 0;
        """;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private readonly SqliteConnection connection;
    private readonly SqliteCommand insert;
    private readonly SqliteCommand claim;
    private readonly SqliteCommand delete;
    private readonly SqliteCommand effect;

    public HandQueue(string folder)
    {
        connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = Path.Combine(folder, "hand.db"), Pooling = false }.ToString());
        connection.Open();
        Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
            + Schema + "CREATE TABLE effect (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, amount TEXT NOT NULL);");
        insert = Prepared(
            "INSERT INTO job (state, kind, enqueued_at, due_at, payload) VALUES (0, @kind, @now, @now, @payload)",
            ("@kind", SqliteType.Text), ("@now", SqliteType.Integer), ("@payload", SqliteType.Blob));
        claim = Prepared(
            """
            UPDATE job SET state = 1, attempts = attempts + 1, claimed_at = @now
            WHERE id IN (SELECT id FROM job WHERE state = 0 AND due_at <= @now ORDER BY due_at, id LIMIT @limit)
            RETURNING id, kind, attempts, payload
            """, ("@now", SqliteType.Integer), ("@limit", SqliteType.Integer));
        // The attempt is the guard: whoever was presumed dead and comes back deletes nothing.
        delete = Prepared(
            "DELETE FROM job WHERE id = @id AND state = 1 AND attempts = @attempts",
            ("@id", SqliteType.Integer), ("@attempts", SqliteType.Integer));
        effect = Prepared(
            "INSERT INTO effect (number, amount) VALUES (@number, @amount)", ("@number", SqliteType.Integer), ("@amount", SqliteType.Text));
    }

    public SemaphoreSlim Turn { get; } = new(1, 1);

    public void Enqueue(ReadOnlySpan<Posted> messages)
    {
        using var transaction = connection.BeginTransaction(deferred: false);
        insert.Transaction = transaction;
        foreach (var message in messages)
        {
            insert.Parameters[0].Value = "bench.posted";
            insert.Parameters[1].Value = Now();
            insert.Parameters[2].Value = JsonSerializer.SerializeToUtf8Bytes(message, Json);
            insert.ExecuteNonQuery();
        }

        transaction.Commit();
    }

    public List<Job> Claim(int most)
    {
        var jobs = new List<Job>(most);
        using var transaction = connection.BeginTransaction(deferred: false);
        claim.Transaction = transaction;
        claim.Parameters[0].Value = Now();
        claim.Parameters[1].Value = most;
        using (var rows = claim.ExecuteReader())
        {
            while (rows.Read()) jobs.Add(new Job(rows.GetInt64(0), rows.GetString(1), rows.GetInt32(2), rows.GetFieldValue<byte[]>(3)));
        }

        transaction.Commit();
        return jobs;
    }

    public static Posted Read(Job job) => job.Kind == "bench.posted"
        ? JsonSerializer.Deserialize<Posted>(job.Payload, Json)! : throw new InvalidOperationException($"No handler for {job.Kind}.");

    /// <summary>Deletes what was handled, with its effects when there are any, in one commit.</summary>
    public void Settle(IReadOnlyList<Job> jobs, Func<Job, Posted>? effectOf = null)
    {
        using var transaction = connection.BeginTransaction(deferred: false);
        (delete.Transaction, effect.Transaction) = (transaction, transaction);
        foreach (var job in jobs)
        {
            if (effectOf is not null)
            {
                var posted = effectOf(job);
                effect.Parameters[0].Value = posted.Number;
                effect.Parameters[1].Value = posted.Amount;
                effect.ExecuteNonQuery();
            }

            delete.Parameters[0].Value = job.Id;
            delete.Parameters[1].Value = job.Attempts;
            if (delete.ExecuteNonQuery() != 1) throw new InvalidOperationException("Another worker has this job.");
        }

        transaction.Commit();
    }

    public long Count(string table)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT count(*) FROM {table}";
        return (long)command.ExecuteScalar()!;
    }

    public void Dispose()
    {
        Turn.Dispose();
        foreach (var command in (SqliteCommand[])[insert, claim, delete, effect]) command.Dispose();
        connection.Dispose();
    }

    private static long Now() => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    private void Execute(string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private SqliteCommand Prepared(string sql, params (string Name, SqliteType Type)[] parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, type) in parameters) command.Parameters.Add(name, type);
        command.Prepare();
        return command;
    }
}

/// <summary>A claimed row.</summary>
internal readonly record struct Job(long Id, string Kind, int Attempts, byte[] Payload);
