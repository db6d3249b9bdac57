using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Lists;
using Surety.AspNetCore.Problems;

namespace Surety;

/// <summary>
/// Conditional requests by RFC 9110: a read that a client has already costs no body, and a change is made only to what its client has seen.
/// The entity tag is the row's version: a number that grows with every change of what is shown.
/// </summary>
public static class Preconditions
{
    /// <summary>200 with the value and its <c>ETag</c>; of a read, 304 when <c>If-None-Match</c> names this version.</summary>
    /// <param name="value">What is shown.</param>
    /// <param name="version">Its row's version.</param>
    public static IResult Ok<T>(T value, long version) => new VersionedResult<T>(value, TagOf(version));

    /// <summary>
    /// Checks <c>If-Match</c> against the row that is about to be changed; call it with the row locked, in the transaction that changes it.
    /// </summary>
    /// <param name="http">The request.</param>
    /// <param name="version">The row's version now.</param>
    /// <returns>
    /// Null when the change may be made: a tag of the header is this version's, or there is no header. Otherwise the answer: 412
    /// <c>precondition-failed</c>.
    /// </returns>
    public static IResult? Refuse(HttpContext http, long version)
    {
        ArgumentNullException.ThrowIfNull(http);
        var header = http.Request.Headers.IfMatch;
        return header.Count == 0 || EntityTags.AnyMatchesStrongly(header, TagOf(version))
            ? null
            : HttpProblem.Of(
                412, ProblemCodes.PreconditionFailed,
                $"It was changed since: it is at {TagOf(version)} now. Read it, look whether the change still makes sense, and send it "
                    + "with that ETag and a new idempotency key.");
    }

    /// <summary>
    /// Refuses requests without <c>If-Match</c> with 428 <c>precondition-required</c>. Call it before <c>RequireIdempotencyKey</c> or
    /// <c>AcceptIdempotencyKey</c>: then the refusal costs no transaction.
    /// </summary>
    /// <remarks>
    /// For minimal APIs and controllers. Others (Razor Pages, proxies) run no endpoint filters: a host with one so marked does not start.
    /// </remarks>
    public static TBuilder RequireIfMatch<TBuilder>(this TBuilder endpoints) where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        endpoints.Add(static endpoint => new FilterMark("RequireIfMatch()", RefuseWithoutAsync).AddTo(endpoint));
        return endpoints.Describe(EntityTagOperations.Require);
    }

    private static async ValueTask<object?> RefuseWithoutAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        context.HttpContext.Request.Headers.IfMatch.Count == 0
            ? HttpProblem.Of(
                428, ProblemCodes.PreconditionRequired,
                "Read it first, and send the ETag you got in If-Match, so that nobody's change is lost.")
            : await next(context);

    /// <summary>
    /// Says that the endpoints answer with an <c>ETag</c>: of a read, that <c>If-None-Match</c> is obeyed (304), and of a change, that
    /// <c>If-Match</c> is (412). It stands in the document; nothing else changes.
    /// </summary>
    /// <param name="endpoints">One endpoint, or a group.</param>
    public static TBuilder ProducesEntityTag<TBuilder>(this TBuilder endpoints) where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return endpoints.Describe(EntityTagOperations.Describe);
    }

    internal static string TagOf(long version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    private sealed class VersionedResult<T>(T value, string tag) : IResult, IStatusCodeHttpResult, IValueHttpResult
    {
        public int? StatusCode => StatusCodes.Status200OK;

        public object? Value => value;

        public Task ExecuteAsync(HttpContext httpContext)
        {
            var request = httpContext.Request;
            httpContext.Response.Headers.ETag = tag;
            return (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
                && EntityTags.AnyMatches(request.Headers.IfNoneMatch, tag)
                ? Results.StatusCode(StatusCodes.Status304NotModified).ExecuteAsync(httpContext)
                : Results.Ok(value).ExecuteAsync(httpContext);
        }
    }
}
