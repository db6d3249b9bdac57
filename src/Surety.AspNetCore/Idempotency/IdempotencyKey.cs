using System.Text;
using Microsoft.Extensions.Primitives;
using Surety.AspNetCore.Endpoints;

namespace Surety.AspNetCore.Idempotency;

/// <summary>Reads the Idempotency-Key header: a structured-field string (<c>"8e03…"</c>), or the same without quotes. Pure.</summary>
internal static class IdempotencyKey
{
    public const string Header = CommandMetadata.KeyHeader;
    public const int MaxLength = CommandMetadata.MaxKeyLength;

    /// <summary>Null without a fault when the header is absent.</summary>
    public static string? Read(StringValues header, out string? fault)
    {
        fault = null;
        if (header.Count == 0) return null;
        if (header.Count > 1)
        {
            fault = $"{Header} is given {header.Count} times; one request has one key.";
            return null;
        }

        var text = header.ToString().Trim(' ', '\t');
        var key = text.StartsWith('"') ? Quoted(text) : Bare(text);
        if (key is { Length: > 0 and <= MaxLength }) return key;
        fault = $"{Header} must be 1 to {MaxLength} visible ASCII characters, in quotes or without (then also without quotes, commas, "
            + "semicolons and spaces inside).";
        return null;
    }

    // A comma or semicolon outside quotes would be a list or a parameter: what a proxy makes of a header that came twice.
    private static string? Bare(string text) =>
        text.AsSpan().ContainsAnyExceptInRange('!', '~') || text.AsSpan().ContainsAny("\",;") ? null : text;

    private static string? Quoted(string text)
    {
        var key = new StringBuilder();
        for (var i = 1; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '"') return i == text.Length - 1 ? key.ToString() : null;
            if (c == '\\' && (++i == text.Length || (c = text[i]) is not ('"' or '\\'))) return null;
            if (c is < ' ' or > '~') return null;
            key.Append(c);
        }

        return null;
    }
}
