using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Limits;

/// <summary>The quotas that count callers, and so have to know who the caller is.</summary>
internal sealed class CallerQuotas(Quotas quotas) : IEndpointLayer
{
    public RequestDelegate Around(RouteEndpoint endpoint, RequestDelegate next)
    {
        Quota[] here = [.. quotas.Of(endpoint.Metadata).Where(q => q.Options.By != QuotaBy.Address)];
        if (here.Length == 0) return next;
        return http =>
        {
            var taking = quotas.TakeAsync(here, http);
            return taking.IsCompletedSuccessfully ? Answer(taking.Result, http) : WaitAsync(taking, http);
        };

        Task Answer(ProblemDetails? refusal, HttpContext http) =>
            refusal is null ? next(http) : new ProblemResult(refusal).ExecuteAsync(http);

        async Task WaitAsync(ValueTask<ProblemDetails?> taking, HttpContext http) => await Answer(await taking, http);
    }
}
