using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Surety.AspNetCore.Health;

/// <summary>What <c>/readyz</c> says, for ASP.NET Core's own health checks.</summary>
internal sealed class SuretyHealthCheck(IServiceProvider services) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var report = await Readiness.ReadAsync(services, cancellationToken);
        var status = report.Ok ? HealthStatus.Healthy : context.Registration.FailureStatus;
        var data = new Dictionary<string, object>
        {
            ["status"] = report.Status, ["problems"] = report.Problems, ["details"] = report.Details,
        };
        return new HealthCheckResult(status, string.Join(' ', report.Ok ? report.Details : report.Problems), data: data);
    }
}
