using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Routing;
using Surety.AspNetCore.Endpoints;

namespace Surety.AspNetCore.Limits;

/// <summary>
/// How long an endpoint may work: by the framework's own time limits, and so by its own marks, too. A command has its limit, and knows what
/// became of its transaction.
/// </summary>
internal sealed class TimeLimits(IServiceProvider services) : IEndpointLayer
{
    public RequestDelegate Around(RouteEndpoint endpoint, RequestDelegate next)
    {
        var marks = endpoint.Metadata;
        var isMarked = marks.GetMetadata<RequestTimeoutAttribute>() is not null || marks.GetMetadata<RequestTimeoutPolicy>() is not null;
        var hasNone = marks.GetMetadata<ProbeMetadata>() is not null || marks.GetMetadata<LongRunningMetadata>() is not null
            || marks.GetMetadata<CommandMetadata>() is not null;
        if (hasNone && !isMarked) return next;
        var limited = new ApplicationBuilder(services);
        limited.UseRequestTimeouts();
        limited.Run(next);
        return limited.Build();
    }
}
