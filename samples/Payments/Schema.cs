using Dapper;
using Surety;

namespace Payments;

/// <summary>Makes the payments' own tables, beside Surety's in the same database.</summary>
internal sealed class Schema(SuretyDatabase database, BookStore store) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        using var text = new StreamReader(typeof(Schema).Assembly.GetManifestResourceStream(store.Schema)!);
        await using var work = await database.BeginAsync(cancellationToken);
        await work.Connection.ExecuteAsync(await text.ReadToEndAsync(cancellationToken), transaction: work.Transaction);
        await work.CommitAsync();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
