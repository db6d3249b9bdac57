using System.Text;

namespace Surety.AspNetCore.Problems;

/// <summary>JSON pointers in their URI fragment form (RFC 6901).</summary>
internal static class JsonPointer
{
    private const int LongestStep = 100;

    /// <summary>A name as the client sent it goes back to it as far as it helps.</summary>
    public static string Short(string step) => step.Length <= LongestStep ? step : step[..LongestStep] + "…";

    public static string Escape(string step) =>
        Uri.EscapeDataString(step.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));

    /// <summary>From the serializer's paths: <c>$.lines[0]['we.ird']</c> is <c>#/lines/0/we.ird</c>.</summary>
    public static string FromPath(string? path)
    {
        var pointer = new StringBuilder("#");
        var rest = path.AsSpan();
        if (rest.StartsWith("$")) rest = rest[1..];
        while (rest.Length > 0)
        {
            int end;
            if (rest.StartsWith("['"))
            {
                rest = rest[2..];
                end = rest.IndexOf("']");
                if (end < 0) end = rest.Length;
                pointer.Append('/').Append(Escape(Short(rest[..end].ToString())));
                rest = rest[Math.Min(end + 2, rest.Length)..];
                continue;
            }

            var bracket = rest[0] == '[';
            rest = rest[1..];
            end = bracket ? rest.IndexOf(']') : rest.IndexOfAny('.', '[');
            if (end < 0) end = rest.Length;
            pointer.Append('/').Append(Escape(Short(rest[..end].ToString())));
            rest = rest[(bracket ? Math.Min(end + 1, rest.Length) : end)..];
        }

        return pointer.ToString();
    }
}
