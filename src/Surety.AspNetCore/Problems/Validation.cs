using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;

namespace Surety.AspNetCore.Problems;

/// <summary>Turns the framework's validation errors, which speak C#, into ones that speak the client's JSON.</summary>
internal static class Validation
{
    public static ProblemDetails Problem(
        IEnumerable<KeyValuePair<string, string[]>> failed, Endpoint? endpoint, JsonSerializerOptions json, Type? body = null)
    {
        body ??= endpoint?.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType;
        var errors = new Dictionary<string, List<string>>();
        var violations = new List<Violation>();
        foreach (var (path, messages) in failed)
        {
            var parameter = ParameterNames.Of(endpoint, path);
            var place = parameter != path
                ? new Place(parameter, "#/" + JsonPointer.Escape(parameter), path, parameter) : Place.Of(path, body, json);
            foreach (var message in messages)
            {
                var detail = place.Rename(message);
                if (!errors.TryGetValue(place.Name, out var list)) errors[place.Name] = list = [];
                list.Add(detail);
                violations.Add(
                    new Violation(place.Pointer, message.EndsWith(" is required.", StringComparison.Ordinal)
                        ? "required" : "invalid", detail));
            }
        }

        return Problem(errors, violations);
    }

    /// <summary>A fault at one place that is named as the client wrote it.</summary>
    public static ProblemDetails Problem(string code, string detail, params IEnumerable<string> names)
    {
        var list = names.ToList();
        return Problem(
            list.ToDictionary(name => name, _ => new List<string> { detail }),
            list.ConvertAll(name => new Violation("#/" + JsonPointer.Escape(name), code, detail)));
    }

    private static ProblemDetails Problem(Dictionary<string, List<string>> errors, List<Violation> violations)
    {
        var problem = ProblemCodes.Create(400, ProblemCodes.Validation, violations.Count == 1
            ? violations[0].Detail : $"{violations.Count} faults; see violations.");
        problem.Extensions["errors"] = errors;
        problem.Extensions["violations"] = violations;
        return problem;
    }

    internal sealed record Violation(string Pointer, string Code, string Detail);

    /// <summary>One place in a body: its dotted name, its JSON pointer, and the C# name that messages may contain.</summary>
    private readonly record struct Place(string Name, string Pointer, string ClrName, string JsonName)
    {
        public static Place Of(string path, Type? body, JsonSerializerOptions json)
        {
            StringBuilder name = new(), pointer = new("#");
            string clr = "", last = "";
            var type = body;
            foreach (var step in path.Split(['.', '['], StringSplitOptions.RemoveEmptyEntries))
            {
                if (step.EndsWith(']'))
                {
                    var index = step[..^1];
                    name.Append(CultureInfo.InvariantCulture, $"[{index}]");
                    pointer.Append('/').Append(JsonPointer.Escape(index));
                    type = Contract(type, json)?.ElementType;
                    continue;
                }

                var property = Contract(type, json)?.Properties.FirstOrDefault(
                    p => p.AttributeProvider is System.Reflection.MemberInfo member && member.Name == step);
                clr = step;
                last = property?.Name ?? JsonNamingPolicy.CamelCase.ConvertName(step);
                type = property?.PropertyType;
                if (name.Length > 0) name.Append('.');
                name.Append(last);
                pointer.Append('/').Append(JsonPointer.Escape(last));
            }

            return new Place(name.ToString(), pointer.ToString(), clr, last);
        }

        /// <summary>
        /// The standard messages name the C# property ("The Amount field is required."); the client knows it by another name.
        /// </summary>
        public string Rename(string message)
        {
            var at = ClrName.Length == 0 || ClrName == JsonName ? -1 : message.IndexOf(ClrName, StringComparison.Ordinal);
            var end = at + ClrName.Length;
            return at >= 0 && (at == 0 || !char.IsLetterOrDigit(message[at - 1]))
                && (end == message.Length || !char.IsLetterOrDigit(message[end]))
                ? string.Concat(message.AsSpan(0, at), JsonName, message.AsSpan(end))
                : message;
        }

        private static JsonTypeInfo? Contract(Type? type, JsonSerializerOptions json) =>
            type is not null && json.TryGetTypeInfo(Nullable.GetUnderlyingType(type) ?? type, out var contract) ? contract : null;
    }
}
