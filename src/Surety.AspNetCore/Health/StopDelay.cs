using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Surety.AspNetCore.Health;

/// <summary>
/// Goes on serving for a while after readiness has failed, so that a balancer looks away before the listening socket closes.
/// </summary>
internal sealed class StopDelay(
    IOptions<EdgeOptions> options, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<StopDelay> logger)
    : IHostedLifecycleService
{
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        var delay = options.Value.StopDelay;
        if (delay == TimeSpan.Zero) return;
        // A signal has said so already; a host that is stopped by a call says so only after this.
        lifetime.StopApplication();
        logger.StopDelayed(delay);
        await Task.Delay(delay, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
