using System.Reflection;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.OpenApi;
using Surety.AspNetCore.Descriptions;

namespace Surety.AspNetCore.OpenApi;

/// <summary>What the document calls Surety's own types.</summary>
internal static class SchemaNames
{
    public static string? Of(JsonTypeInfo type)
    {
        if (type.Type == typeof(MessageStatus)) return "JobStatus";
        if (type.Type == typeof(Progress)) return "JobProgress";
        // A string like any other; it needs no schema of its own.
        if ((Nullable.GetUnderlyingType(type.Type) ?? type.Type) == typeof(MessageId)) return null;
        if (type.Type.GetCustomAttribute<SchemaNameAttribute>() is not { Name: var name })
            return OpenApiOptions.CreateDefaultSchemaReferenceId(type);
        return type.Type.IsGenericType ? Of(type.Options.GetTypeInfo(type.Type.GetGenericArguments()[0])) + name : name;
    }
}
