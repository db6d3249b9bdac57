using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Validation;

namespace Surety.AspNetCore.Tests;

#pragma warning disable ASP0029
[ValidatableType]
#pragma warning restore ASP0029
[Message("report.monthly")]
public sealed record MonthlyReport([property: RegularExpression("[0-9]{4}-[0-9]{2}")] string Month);

/// <summary>Work that takes as long, and ends, as the test says.</summary>
internal sealed class Reports : IHandler<MonthlyReport>
{
    /// <summary>Started attempts wait here, one permit each.</summary>
    public SemaphoreSlim Gate { get; } = new(0);

    public Func<Delivery<MonthlyReport>, Outcome> End { get; set; } = d =>
        Outcome.DoneWith($"month,sum\n{d.Message.Month},17\n", "text/csv");

    public async Task<Outcome> HandleAsync(Delivery<MonthlyReport> delivery, CancellationToken cancellationToken)
    {
        delivery.ReportProgress(3, 10, "pages");
        await Gate.WaitAsync(cancellationToken);
        return End(delivery);
    }
}

internal static class ReportEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapJob<MonthlyReport>("/reports");
        app.MapPost("/reports/later", (MonthlyReport report, Surety.Jobs jobs) =>
            jobs.AcceptAsync(report, new EnqueueOptions { Delay = TimeSpan.FromHours(1) })).AcceptIdempotencyKey();
        app.MapPost("/reports/unique", (MonthlyReport report, Surety.Jobs jobs) =>
            jobs.AcceptAsync(report, new EnqueueOptions { UniqueKey = report.Month })).AcceptIdempotencyKey();
        app.MapPost("/reports/paid", async (MonthlyReport report, UnitOfWork work, Surety.Jobs jobs) =>
        {
            await Deposits.InsertAsync(work, new Deposit("reports", 5));
            var accepted = await jobs.AcceptAsync(report);
            return report.Month == "0000-00" ? throw new InvalidDataException("no such month") : accepted;
        }).RequireIdempotencyKey();
        app.MapPost("/reports/careless", (MonthlyReport report, Surety.Jobs jobs) => jobs.AcceptAsync(report));
    }
}
