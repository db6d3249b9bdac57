using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Processing;

/// <summary>
/// The newest progress report of each running message, written once a second; whatever comes faster replaces what was not written yet.
/// </summary>
internal sealed class ProgressBoard(IMessageStore store, ILogger<ProgressBoard> log)
{
    private readonly ConcurrentDictionary<Claim, Progress> reports = [];

    public void Report(Delivery delivery, Progress progress) => reports[new Claim(delivery.Id, delivery.ClaimNumber)] = progress;

    /// <summary>Takes the report that was not written yet; it travels with the settlement.</summary>
    public Progress? Take(Claim claim) => !reports.IsEmpty && reports.TryRemove(claim, out var progress) ? progress : null;

    public async Task FlushAsync(CancellationToken cancel)
    {
        if (reports.IsEmpty) return;
        var now = new List<(Claim, Progress)>();
        foreach (var claim in reports.Keys)
        {
            if (reports.TryRemove(claim, out var progress)) now.Add((claim, progress));
        }

        try
        {
            await store.ReportAsync(now, cancel);
        }
        catch (Exception e) when (Settler.IsLasting(e))
        {
            // One by one, so that it shows which it is.
            foreach (var report in now) await WriteAsync(report, cancel);
        }
    }

    /// <summary>
    /// A report is a hint: one that the store refuses fails neither the others nor the look for cancellations that comes with them.
    /// </summary>
    private async Task WriteAsync((Claim Claim, Progress Progress) report, CancellationToken cancel)
    {
        try
        {
            await store.ReportAsync([report], cancel);
        }
        catch (Exception e) when (Settler.IsLasting(e))
        {
            Log.ReportRefused(log, e, report.Claim.Id);
        }
    }
}
