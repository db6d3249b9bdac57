using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Surety.AspNetCore.Health;

namespace Surety;

/// <summary>Surety among ASP.NET Core's own health checks.</summary>
public static class HealthCheckExtensions
{
    /// <summary>
    /// Adds a check that says what <c>/readyz</c> says: healthy when this host has started, its store and its loops work, and it is not
    /// going away. Its description names what is wrong, or what an operator should know; its data has the same as <c>status</c>,
    /// <c>problems</c> and <c>details</c>. Show these to operators only. Needs <c>AddSurety</c> on the host.
    /// </summary>
    /// <param name="checks">The host's checks, from <c>services.AddHealthChecks()</c>.</param>
    /// <param name="name">The check's name. Default <c>surety</c>.</param>
    /// <param name="failureStatus">What to report of a host that is not ready. Default <see cref="HealthStatus.Unhealthy"/>.</param>
    /// <param name="tags">For choosing checks by; none by default.</param>
    public static IHealthChecksBuilder AddSurety(
        this IHealthChecksBuilder checks, string name = "surety", HealthStatus? failureStatus = null, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(checks);
        return checks.Add(new HealthCheckRegistration(name, services => new Check(services), failureStatus, tags));
    }

    private sealed class Check(IServiceProvider services) : IHealthCheck
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
}
