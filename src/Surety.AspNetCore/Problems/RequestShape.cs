using System.Collections.Frozen;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Surety.AspNetCore.Problems;

/// <summary>
/// What is wrong with a request by its first lines alone, whatever its endpoint makes of them: a parameter that has one value and is given
/// twice (the framework would join the two), a character that PostgreSQL cannot keep, JSON in an encoding that JSON does not have (the
/// framework would fail).
/// </summary>
internal sealed class RequestShape(EndpointMetadataCollection metadata)
{
    private readonly FrozenSet<string> single = metadata.GetOrderedMetadata<IParameterBindingMetadata>().Where(IsSingle)
        .Select(p => ParameterNames.Of(metadata, p.Name))
        .ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private readonly FrozenSet<string> instants = metadata.GetOrderedMetadata<IParameterBindingMetadata>().Where(IsInstant)
        .Select(p => ParameterNames.Of(metadata, p.Name))
        .ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private readonly bool takesJson = metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes.Any(
        type => type.Contains("json", StringComparison.OrdinalIgnoreCase)) == true;

    /// <summary>Null when there is nothing wrong. A form is looked at when somebody reads it.</summary>
    public ProblemDetails? Fault(HttpRequest request)
    {
        if (request.ContentType is { } type
            && (type.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase)
            || type.StartsWith("application/x-www-form", StringComparison.OrdinalIgnoreCase))) FormShape.Watch(request);
        return (request.QueryString.HasValue ? FaultIn(request.Query) : null) ?? (takesJson ? FaultInEncoding(request) : null);
    }

    public static ProblemDetails Unkept(string name) =>
        Validation.Problem("invalid", "The value must not contain the character U+0000.", name);

    private ProblemDetails? FaultIn(IQueryCollection query)
    {
        foreach (var (name, values) in query)
        {
            if (values.Count > 1 && single.TryGetValue(name, out var declared))
                return Validation.Problem("duplicate", $"The parameter has one value and is given {values.Count} times.", declared);
            if (name.Contains('\0', StringComparison.Ordinal)
                || values.Any(value => value?.Contains('\0', StringComparison.Ordinal) == true)) return Unkept(name);
            if (instants.TryGetValue(name, out var instant) && values.Any(LacksOffset))
                return Validation.Problem("invalid", EdgeJson.NoOffset, instant);
        }

        return null;
    }

    private static ProblemDetails? FaultInEncoding(HttpRequest request)
    {
        if (request.ContentType is not { } contentType || !MediaTypeHeaderValue.TryParse(contentType, out var type)
            || !type.Charset.HasValue) return null;
        var charset = HeaderUtilities.RemoveQuotes(type.Charset);
        if (charset.Length < type.Charset.Length)
        {
            // As good as without the quotes, but the framework takes them for a part of the name.
            type.Charset = charset;
            request.ContentType = type.ToString();
        }

        return charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)
            ? null
            : ProblemCodes.Create(
                StatusCodes.Status415UnsupportedMediaType, ProblemCodes.UnsupportedMediaType,
                "JSON is UTF-8; the Content-Type names another charset.");
    }

    /// <summary>The framework would read it in the server's time zone.</summary>
    private static bool LacksOffset(string? value) =>
        DateTime.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var time)
        && time.Kind == DateTimeKind.Unspecified;

    private static bool IsInstant(IParameterBindingMetadata parameter)
    {
        var type = parameter.ParameterInfo.ParameterType;
        return (type.IsArray ? type.GetElementType()! : Nullable.GetUnderlyingType(type) ?? type) == typeof(DateTimeOffset);
    }

    private static bool IsSingle(IParameterBindingMetadata parameter)
    {
        var type = parameter.ParameterInfo.ParameterType;
        return type == typeof(string) || !(type.IsArray || type == typeof(StringValues) || type == typeof(StringValues?));
    }
}
