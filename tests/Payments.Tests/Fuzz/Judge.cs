using System.Text.RegularExpressions;

namespace Payments.Tests.Fuzz;

/// <summary>What is wrong with an answer. Pure.</summary>
/// <param name="codes">Every code that the problems' page explains.</param>
internal sealed class Judge(IReadOnlySet<string> codes)
{
    /// <summary>Null when nothing is wrong.</summary>
    /// <param name="request">What was asked.</param>
    /// <param name="reply">What came; null when the server hung up.</param>
    public string? Fault(FuzzRequest request, Reply? reply)
    {
        if (reply is null) return request.IsUnreadable || request.Framing is Framing.Truncated ? null : "closed without an answer";
        var headers = string.Join('\n', reply.Headers.Select(h => $"{h.Key}: {h.Value}"));
        if (Judgement.FaultOfText(headers) is { } leak) return $"{reply.Status} {leak}";
        // The server's own parser has no words.
        if (request.IsUnreadable && reply is { Status: 400 or 411 or 413 or 414 or 417 or 431 or 501 or 505, Body: "" }) return null;
        // The time limit of what is no command, by the framework: its word for a body that stands still, too.
        if (request.Framing == Framing.Stalled && reply.Status == 504) return null;
        if (reply.Status >= 500) return $"{reply.Status} {Judgement.Short(reply.Body)}";
        if (Judgement.FaultOfText(reply.Body) is { } told) return $"{reply.Status} {told}";
        if (request.IsBroken && reply.Status < 400 && !reply.Headers.ContainsKey("Idempotent-Replayed"))
            return $"{reply.Status} for a body that breaks the contract";
        if (reply.Status >= 400)
        {
            if (Judgement.FaultOfRefusal(
                reply.Status, reply.Body, request.Method == "HEAD", reply.Header("Content-Type") ?? "") is { } fault) return fault;
            if (reply.Body.Length > 0 && !codes.Contains(reply["code"]!))
                return $"{reply.Status} has the code {reply["code"]}, which no page explains";
        }

        return IsPlain(request.Path) ? DeclaredAnswers.Fault(request.Method, request.Path, reply) : null;
    }

    /// <summary>The server takes <c>/a/../b</c> for <c>/b</c>, which the document's paths are not held against here.</summary>
    private static bool IsPlain(string path) => !Uri.UnescapeDataString(path)
        .Split('/').Skip(1).Any(step => step is "" or "." or ".." || step.Contains("..", StringComparison.Ordinal));

    public static async Task<Judge> WithCodesOfAsync(Backend backend) =>
        new(Regex.Matches((await backend.GetAsync("/problems")).ShouldBe(200).Body, "id=\"([a-z0-9-]+)\"")
            .Select(m => m.Groups[1].Value).ToHashSet());
}
