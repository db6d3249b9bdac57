using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;

namespace Surety.AspNetCore.Problems;

/// <summary>A problem as an endpoint's result.</summary>
internal sealed class ProblemResult(ProblemDetails problem) : IResult, IStatusCodeHttpResult
{
    public int? StatusCode => problem.Status;

    public Task ExecuteAsync(HttpContext httpContext) =>
        httpContext.RequestServices.GetRequiredService<ProblemWriter>().WriteAsync(httpContext, problem);
}
