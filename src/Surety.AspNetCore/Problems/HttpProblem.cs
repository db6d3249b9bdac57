using Microsoft.AspNetCore.Http;
using Surety.AspNetCore.Problems;
using Surety.AspNetCore;

namespace Surety;

/// <summary>Answers that say what went wrong, by RFC 9457.</summary>
public static class HttpProblem
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
        Slug.ThrowIfNotOne(code);
        return new ProblemResult(ProblemCodes.Create(status, code, detail));
    }
}
