using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Problems;




namespace Surety.AspNetCore.OpenApi;

/// <summary>The problems that the edge itself answers with, by what stands at an endpoint. Pure.</summary>
internal static class EdgeRefusals
{
    /// <summary>Their texts are the same at every endpoint, so each group of them is described once.</summary>
    public static IEnumerable<Refusal> Of(EndpointTraits endpoint, EdgeOptions edge)
    {
        yield return new(400, ProblemCodes.Validation, "A value breaks a rule; violations says which one and how.");
        if (endpoint.HasBody)
        {
            yield return new(400, ProblemCodes.MalformedBody, "The body is not valid JSON.");
            yield return new(408, ProblemCodes.Timeout, "The request did not arrive in time.");
            yield return new(
                413, ProblemCodes.PayloadTooLarge,
                $"The body is larger than the {endpoint.MaxBodyBytes ?? edge.MaxBodyBytes} bytes that are taken here.");
            yield return new(
                415, ProblemCodes.UnsupportedMediaType,
                "The Content-Type is not one this endpoint takes; the Accept header names those it does.");
        }

        if (endpoint.NeedsCaller)
        {
            yield return new(
                401, "unauthenticated", "Send an API key or another credential this server takes in the Authorization header.");
            yield return new(403, "forbidden", "The credential is good, but it does not allow this request.");
        }

        if (endpoint.TakesKey)
        {
            if (endpoint.NeedsKey) yield return new(400, ProblemCodes.KeyMissing, "The header Idempotency-Key is missing.");
            yield return new(400, ProblemCodes.KeyInvalid, "The header Idempotency-Key is not 1 to 255 visible characters.");
            yield return new(
                409, ProblemCodes.KeyInProgress,
                "The first request with this key is still running. Repeat the request in a moment to get its answer.");
            yield return new(422, ProblemCodes.KeyReused, "This key was used for another request. A new command needs a new key.");
        }

        if (endpoint.IsCounted)
            yield return new(
                429, ProblemCodes.QuotaExceeded, "A quota of the caller's is used up; Retry-After says when it is whole again.");
        yield return new(500, ProblemCodes.InternalError, "The failure has been logged under the traceId.");
        yield return new(503, ProblemCodes.Overloaded, "The server has more to do than it can. Nothing was done; try again in a moment.");
        yield return new(
            503, ProblemCodes.DependencyUnavailable, "The store did not take the request. Try again, a command with the same key.");
        if (endpoint.TakesKey)
            yield return new(503, ProblemCodes.Timeout, "The command did not end in time. Nothing was changed; try again.");
        else if (endpoint.HasTimeLimit) yield return new(504, ProblemCodes.Timeout, "The answer took too long.");
    }
}

/// <summary>What an endpoint is like, as far as the edge's refusals depend on it.</summary>
internal readonly record struct EndpointTraits(
    bool HasBody, long? MaxBodyBytes, bool NeedsCaller, bool TakesKey, bool NeedsKey, bool IsCounted, bool HasTimeLimit);
