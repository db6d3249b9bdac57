using System.Text.RegularExpressions;

namespace Payments.Tests;

/// <summary>What an answer to a hostile request must not be. Pure.</summary>
internal static partial class Judgement
{
    private const int MostEchoed = 10_000;

    /// <summary>Why this is no refusal that tells a client what to do and a stranger nothing; null when it is one.</summary>
    public static string? FaultOfRefusal(int status, string body, bool isHead, string contentType)
    {
        if (FaultOfText(body) is { } leak) return $"{status} {leak}";
        if (body.Length > MostEchoed) return $"{status} sends back {body.Length} characters";
        if (status is < 400 or >= 500) return $"{status} {Short(body)}";
        if (isHead) return null;
        if (!contentType.StartsWith("application/problem+json", StringComparison.Ordinal))
            return $"{status} is no problem document but {contentType} {Short(body)}";
        var reply = new Reply(status, new Dictionary<string, string>(), body);
        if (reply["outcome"] != "none") return $"{status} says the outcome {reply["outcome"]}: {Short(body)}";
        return reply["status"] == Backend.Text(status) && reply["type"]?.EndsWith("#" + reply["code"], StringComparison.Ordinal) == true
            && reply["detail"]?.Length > 0 && reply["traceId"]?.Length > 0
            ? null
            : $"{status} is no whole problem: {Short(body)}";
    }

    /// <summary>Whether a text tells of the inside.</summary>
    public static string? FaultOfText(string text) =>
        Leak().Match(text) is { Success: true } leak ? $"tells \"{leak.Value}\": {Short(text[Math.Max(0, leak.Index - 60)..])}" : null;

    public static string Short(string text) => text.Length <= 160 ? text : text[..160];

    [GeneratedRegex(
        @"System\.|Microsoft\.|Payments\.|Surety\.|Npgsql|[Ss]qlite|SQLite|Dapper|SQLSTATE|Exception|   at "
            + @"|/work/|/tmp/|/home/|\.cs\b|Data Source=|Host=127|SELECT |INSERT INTO|UPDATE |violates ")]
    private static partial Regex Leak();
}
