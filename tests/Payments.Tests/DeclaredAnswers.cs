using System.Text.Json;

namespace Payments.Tests;

/// <summary>Holds what the backend really answers, in all of these tests, against its OpenAPI document.</summary>
internal static class DeclaredAnswers
{
    private static readonly List<(string[] Steps, JsonElement Item)> Paths = [.. Contract.Document.GetProperty("paths")
        .EnumerateObject().Select(p => (p.Name.Split('/'), p.Value)).OrderBy(p => p.Item1.Count(IsVariable))];

    private static readonly HashSet<string> Described = Contract.Document.GetProperty("components")
        .GetProperty("headers").EnumerateObject().Select(h => h.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Why the answer breaks the contract; null when it does not, or when the request was for nothing that the document knows.
    /// </summary>
    public static string? Fault(string method, string path, Reply reply)
    {
        var steps = path.Split('?')[0].Split('/');
        if (Paths.FirstOrDefault(p => Fits(p.Steps, steps)) is not { Steps: not null } found
            || !found.Item.TryGetProperty(method.ToLowerInvariant(), out var operation)) return null;
        var name = $"{method} {string.Join('/', found.Steps)}: {reply.Status}";
        if (!operation.GetProperty("responses").TryGetProperty(Backend.Text(reply.Status), out var declared))
            return $"{name} is not declared: {reply.Body}";
        declared = Contract.Resolved(declared);
        foreach (var header in reply.Headers.Keys.Where(Described.Contains))
        {
            if (!declared.TryGetProperty("headers", out var headers) || !headers.EnumerateObject().Any(
                h => h.Name.Equals(header, StringComparison.OrdinalIgnoreCase))) return $"{name} with the header {header} is not declared";
        }

        if (reply.Body.Length == 0) return null;
        var type = reply.Header("Content-Type")?.Split(';')[0] ?? "";
        return declared.TryGetProperty("content", out var content)
            && (content.TryGetProperty(type, out _) || content.TryGetProperty("*/*", out _)) ? null : $"{name} as {type} is not declared";
    }

    private static bool Fits(string[] pattern, string[] path) =>
        pattern.Length == path.Length && pattern.Zip(path).All(p => IsVariable(p.First) ? p.Second.Length > 0 : p.First == p.Second);

    private static bool IsVariable(string step) => step.StartsWith('{');
}
