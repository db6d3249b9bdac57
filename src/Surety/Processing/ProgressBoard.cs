using System.Collections.Concurrent;
using Surety.Storage;

namespace Surety.Processing;

/// <summary>The newest progress report of each running message, written once a second; whatever comes faster replaces what was not written yet.</summary>
internal sealed class ProgressBoard(IMessageStore store)
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

        await store.ReportAsync(now, cancel);
    }
}
