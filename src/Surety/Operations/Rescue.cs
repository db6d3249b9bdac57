using Microsoft.Extensions.Logging;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Operations;

/// <summary>Hands back what dead nodes held.</summary>
internal sealed class Rescue(IMessageStore messages, ILogger<Rescue> log) : IChore
{
    private const int BatchSize = 500;

    public TimeSpan Every => TimeSpan.Zero;

    public async Task DoAsync(CancellationToken cancel)
    {
        while (true)
        {
            var report = await messages.RescueAsync(BatchSize, cancel);
            if (report.Rescued > 0 || report.Nodes.Count > 0) Log.Rescued(log, report.Rescued, string.Join(", ", report.Nodes));
            if (report.Rescued < BatchSize) return;
        }
    }
}
