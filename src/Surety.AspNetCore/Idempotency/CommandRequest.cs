using Microsoft.AspNetCore.Http;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Idempotency;

/// <summary>What all steps of one command know of its request.</summary>
internal sealed class CommandRequest(HttpContext http, CommandServices services) : IRequestEffect
{
    public HttpContext Http => http;

    public CommandServices Services => services;

    /// <summary>Null when the client sent no key.</summary>
    public CommandKey? Key { get; set; }

    public bool MayHaveEffect { get; set; }

    /// <summary>Marks what the endpoint does as done within the unit of work, from the moment it has begun.</summary>
    public AmbientUnit? Flow { get; set; }

    public IResult InProgress()
    {
        http.Response.Headers.RetryAfter = "1";
        return Refused(409, ProblemCodes.KeyInProgress, "Repeat the request in a moment to get its answer.");
    }

    public static ProblemResult Refused(int status, string code, string detail) => new(ProblemCodes.Create(status, code, detail));
}
