using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using Surety.AspNetCore;

namespace Surety;

/// <summary>Answers that say what went wrong, by RFC 9457.</summary>
public static class Problem
{
    /// <summary>
    /// A complete problem: <c>type</c>, <c>title</c>, <c>instance</c>, <c>traceId</c> and <c>outcome</c> are filled in when it is sent.
    /// </summary>
    /// <param name="status">400 to 599.</param>
    /// <param name="code">
    /// A short slug that programs can rely on, such as <c>insufficient-funds</c>; it also ends the problem's type. Lower-case letters,
    /// digits and <c>-</c>.
    /// </param>
    /// <param name="detail">This case, for people: what, with which values, and what to do. Never anything secret.</param>
    /// <exception cref="ArgumentException">The status is no error, or the code is no slug.</exception>
    public static IResult Of(int status, string code, string detail)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(status, 400);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(status, 599);
        Problems.ThrowIfNotACode(code);
        return new ProblemResult(Problems.Create(status, code, detail));
    }
}

/// <summary>A problem as an endpoint's result.</summary>
internal sealed class ProblemResult(ProblemDetails problem) : IResult, IStatusCodeHttpResult
{
    public int? StatusCode => problem.Status;

    public Task ExecuteAsync(HttpContext httpContext) => httpContext.RequestServices.GetRequiredService<ProblemWriter>().WriteAsync(httpContext, problem);
}
