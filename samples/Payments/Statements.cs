using System.Text.Json;
using Dapper;
using Surety;

namespace Payments;

/// <summary>A file of payments is there: <c>reference,from,to,amount</c>, one transfer a line.</summary>
[Message("statement.uploaded")]
public sealed record ImportStatement(string UploadId);

internal static class StatementEndpoints
{
    public static void MapStatements(this IEndpointRouteBuilder app) =>
        app.MapUploads("/statements", upload => new ImportStatement(upload.Id), o => o.MaxBytes = 4L << 30);
}

/// <summary>
/// Reads the file as a stream, however large, and posts its lines in batches. A batch and the note how far the import is are one commit, so
/// an attempt that is killed goes on at the next line, and no
/// line is posted twice.
/// </summary>
public sealed class ImportStatementHandler(IUploads uploads, StatementBook book) : IHandler<ImportStatement>
{
    /// <summary>On SQLite a batch holds the database's write lock, so it is short.</summary>
    private const int BatchLines = 100;

    public async Task<Outcome> HandleAsync(Delivery<ImportStatement> delivery, CancellationToken cancellationToken)
    {
        var import = await book.FindAsync(delivery.Message.UploadId, cancellationToken);
        await using var content = await uploads.OpenAsync(import.Upload, import.Position, cancellationToken);
        var lines = new LineReader(content, import.Position, import.Line);
        while (await lines.ReadAsync(BatchLines, cancellationToken) is { Count: > 0 } batch)
        {
            import = await book.PostAsync(import, batch, cancellationToken);
            delivery.ReportProgress(import.Line, unit: "lines");
        }

        return Outcome.DoneWith(JsonSerializer.Serialize(await book.ResultAsync(import, cancellationToken), JsonSerializerOptions.Web));
    }
}

/// <summary>How far each file's import is, and what became of its lines.</summary>
public sealed class StatementBook(Ledger ledger, SuretyDatabase database, BookStore store)
{
    /// <summary>A job keeps 1 MiB of result at most.</summary>
    private const int MostRejectedShown = 1_000;

    public async Task<Import> FindAsync(string upload, CancellationToken cancel)
    {
        await using var connection = await database.OpenReadAsync(cancel);
        return await connection.QuerySingleOrDefaultAsync<Import>(
            new CommandDefinition(
                "SELECT upload, line, position, lines, posted, rejected FROM statement WHERE upload = @upload",
                new { upload }, cancellationToken: cancel)) ?? new Import(upload, 0, 0, 0, 0, 0);
    }

    /// <exception cref="InvalidOperationException">Another attempt at the same file is ahead.</exception>
    public async Task<Import> PostAsync(Import import, IReadOnlyList<Line> batch, CancellationToken cancel)
    {
        await using var work = await database.BeginAsync(cancel);
        // First of all: the transaction that takes this row has the file to itself until the commit.
        var (last, counted) = (batch[^1], batch.Count(l => !l.IsHeader));
        await MoveOnAsync(import, last, counted, ExecuteAsync);

        var orders = batch.Where(l => !l.IsHeader).Select(StatementLine.Read).ToList();
        var customers = await LockAsync(orders, work, cancel);
        int posted = 0, rejected = 0;
        foreach (var order in orders)
        {
            var refusal = order.Refusal;
            if (order.Movement is { } movement)
            {
                var posting = await PostAsync(movement, customers, work, cancel);
                refusal = posting.Refusal;
                if (posting.Transfer is { } transfer)
                {
                    // The primary key says it once more: a line of a file is one transfer.
                    await ExecuteAsync(
                        "INSERT INTO statement_line (upload, line, transfer) VALUES (@Upload, @Number, @Id)",
                        new { import.Upload, order.Number, transfer.Id });
                    posted++;
                }
            }

            if (refusal is null) continue;
            if (import.Rejected + rejected++ >= MostRejectedShown) continue;
            await ExecuteAsync(
                "INSERT INTO statement_rejection (upload, line, code, detail) VALUES (@Upload, @Number, @Code, @Detail)",
                new { import.Upload, order.Number, refusal.Code, refusal.Detail });
        }

        await ExecuteAsync(
            "UPDATE statement SET posted = posted + @posted, rejected = rejected + @rejected WHERE upload = @Upload",
            new { import.Upload, posted, rejected });
        await work.CommitAsync();
        return import with
        {
            Line = last.Number, Position = last.End, Lines = import.Lines + counted,
            Posted = import.Posted + posted, Rejected = import.Rejected + rejected,
        };

        Task<int> ExecuteAsync(string sql, object values) =>
            work.Connection.ExecuteAsync(new CommandDefinition(sql, values, work.Transaction, cancellationToken: cancel));
    }

    /// <exception cref="InvalidOperationException">Another attempt at the same file is ahead.</exception>
    private static async Task MoveOnAsync(Import import, Line last, int counted, Func<string, object, Task<int>> executeAsync)
    {
        const string insert =
            "INSERT INTO statement (upload, line, position, lines, posted, rejected) VALUES (@Upload, @Number, @End, @counted, 0, 0) "
                + "ON CONFLICT DO NOTHING";
        const string update =
            "UPDATE statement SET line = @Number, position = @End, lines = lines + @counted WHERE upload = @Upload AND line = @before";
        var place = new { import.Upload, last.Number, last.End, counted, before = import.Line };
        var moved = await executeAsync(import.Line == 0 ? insert : update, place);
        if (moved == 0) throw new InvalidOperationException($"Another attempt at the file is beyond line {import.Line}.");
    }

    public async Task<object> ResultAsync(Import import, CancellationToken cancel)
    {
        await using var connection = await database.OpenReadAsync(cancel);
        var shown = await connection.QueryAsync<Rejection>(
            new CommandDefinition(
                "SELECT line, code, detail FROM statement_rejection WHERE upload = @Upload ORDER BY line",
                new { import.Upload }, cancellationToken: cancel));
        return new { import.Lines, import.Posted, RejectedInAll = import.Rejected, Rejected = shown };
    }

    /// <summary>
    /// The customers' accounts of a batch, locked in the order of their ids: two batches that name the same ones must not wait for each
    /// other.
    /// </summary>
    private async Task<HashSet<long>> LockAsync(IEnumerable<StatementLine> lines, UnitOfWork work, CancellationToken cancel)
    {
        var ids = lines.Where(l => l.Movement is not null).SelectMany(l => new[] { l.Movement!.From, l.Movement.To }).Distinct().ToList();
        return ids.Count == 0
            ? []
            : [.. await work.Connection.QueryAsync<long>(
                new CommandDefinition(
                    $"SELECT id FROM account WHERE id IN {{=ids}} AND kind = 'customer' ORDER BY id {store.ForUpdate}",
                    new { ids }, work.Transaction, cancellationToken: cancel))];
    }

    private async Task<Posting> PostAsync(Movement movement, HashSet<long> customers, UnitOfWork work, CancellationToken cancel)
    {
        foreach (var id in new[] { movement.From, movement.To })
        {
            if (!customers.Contains(id)) return new Posting(null, Refusal.NoAccount(id));
        }

        return await ledger.PostAsync(movement, work, cancel);
    }

    private sealed record Rejection(long Line, string Code, string Detail);
}

/// <summary>An import's row.</summary>
public sealed record Import(string Upload, long Line, long Position, long Lines, long Posted, long Rejected);
