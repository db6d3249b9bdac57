using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Surety.AspNetCore.Descriptions;

namespace Surety.AspNetCore.OpenApi;

/// <summary>
/// What one document calls each type. Two types may have one name, in two namespaces or two classes: the second one gets the name of its
/// surroundings in front, so that neither is described by the other's schema. The endpoints' order decides which is the second.
/// </summary>
internal sealed class SchemaNames
{
    private readonly ConcurrentDictionary<string, Type> taken = new(StringComparer.Ordinal);

    public string? Of(JsonTypeInfo type)
    {
        if (Plain(type) is not { } name) return null;
        // The framework names a type and the same one that may be null alike.
        var known = Nullable.GetUnderlyingType(type.Type) ?? type.Type;
        var around = known.IsNested ? known.DeclaringType!.Name.Split('`')[0] : known.Namespace?.Split('.')[^1];
        return new[] { name, around + name }.Concat(Enumerable.Range(2, 1_000).Select(n => $"{around}{name}{n}"))
            .First(candidate => taken.GetOrAdd(candidate, known) == known);
    }

    private static string? Plain(JsonTypeInfo type)
    {
        if (type.Type == typeof(MessageStatus)) return "JobStatus";
        if (type.Type == typeof(Progress)) return "JobProgress";
        // A string like any other; it needs no schema of its own.
        if ((Nullable.GetUnderlyingType(type.Type) ?? type.Type) == typeof(MessageId)) return null;
        if (type.Type.GetCustomAttribute<SchemaNameAttribute>() is not { Name: var name })
            return OpenApiOptions.CreateDefaultSchemaReferenceId(type);
        return type.Type.IsGenericType ? Plain(type.Options.GetTypeInfo(type.Type.GetGenericArguments()[0])) + name : name;
    }
}
