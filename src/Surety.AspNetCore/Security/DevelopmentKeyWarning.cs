using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Surety.AspNetCore.Security;

/// <summary>Says at each start that there is a key which everybody may know.</summary>
internal sealed class DevelopmentKeyWarning(IOptions<EdgeOptions> options, ILogger<DevelopmentKeyWarning> logger) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Value.DevelopmentKey is not null) logger.DevelopmentKeyActive();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
