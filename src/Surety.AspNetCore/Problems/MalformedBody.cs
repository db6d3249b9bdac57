using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Mvc;

namespace Surety.AspNetCore.Problems;

/// <summary>
/// Says what is wrong with a body that could not be read. The serializer's messages name C# types, so none is passed on; what they alone
/// know (which member) is taken out of them, and when a message has changed its wording the answer only gets less exact.
/// </summary>
internal static partial class MalformedBody
{
    public static ProblemDetails Problem(JsonException fault, int maxDepth)
    {
        if (MissingMembers().Match(fault.Message) is { Success: true } missing)
            return Validation.Problem(
                "required", "A required member is missing.", Quoted().Matches(missing.Groups["members"].Value)
                    .Select(m => m.Groups["name"].Value));

        var pointer = JsonPointer.FromPath(fault.Path);
        var detail = Detail(fault, maxDepth, ref pointer);
        var problem = ProblemCodes.Create(400, ProblemCodes.MalformedBody, detail);
        problem.Extensions["pointer"] = pointer;
        // The serializer counts from zero; editors, and people, from one.
        if (fault.LineNumber is { } line) problem.Extensions["line"] = line + 1;
        if (fault.BytePositionInLine is { } position) problem.Extensions["byte"] = position + 1;
        return problem;
    }

    private static string Detail(JsonException fault, int maxDepth, ref string pointer)
    {
        if (UnknownMember().Match(fault.Message) is { Success: true } unknown)
        {
            var name = JsonPointer.Short(unknown.Groups["name"].Value);
            var step = JsonPointer.Escape(name);
            if (!pointer.EndsWith("/" + step, StringComparison.Ordinal)) pointer += "/" + step;
            return $"There is no member \"{name}\" here.";
        }

        if (DuplicateMember().Match(fault.Message) is { Success: true } twice)
            return $"The member \"{JsonPointer.Short(twice.Groups["name"].Value)}\" is given twice.";
        if (fault.Message.StartsWith(EdgeJson.MissingMember, StringComparison.Ordinal))
            return $"The value at {pointer} needs the member \"{fault.Message[EdgeJson.MissingMember.Length..]}\", which says its kind.";
        if (fault.Message == EdgeJson.NoOffset) return EdgeJson.NoOffset;
        if (fault.Message.Contains("maximum configured depth", StringComparison.Ordinal))
            return $"The body nests deeper than {maxDepth} levels.";
        // The reader's own exception inside means that the text is no JSON; anything else is JSON of another shape.
        return fault.InnerException is JsonException || fault.GetType() != typeof(JsonException)
            ? "The body is not valid JSON."
            : $"The value at {pointer} has the wrong type or form.";
    }

    [GeneratedRegex(
        "missing required properties including: (?<members>.*)", RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex MissingMembers();

    [GeneratedRegex("'(?<name>[^']*)'", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Quoted();

    [GeneratedRegex(
        "^The JSON property '(?<name>.*)' could not be mapped", RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex UnknownMember();

    [GeneratedRegex(
        "^Duplicate property '(?<name>.*?)' encountered", RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex DuplicateMember();
}
