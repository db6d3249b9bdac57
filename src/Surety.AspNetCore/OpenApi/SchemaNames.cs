using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.OpenApi;

namespace Surety.AspNetCore;

/// <summary>What the document calls Surety's own types.</summary>
internal static class SchemaNames
{
    public static string? Of(JsonTypeInfo type)
    {
        if (type.Type == typeof(JobView)) return "Job";
        if (type.Type == typeof(MessageStatus)) return "JobStatus";
        if (type.Type == typeof(Progress)) return "JobProgress";
        // A string like any other; it needs no schema of its own.
        if ((Nullable.GetUnderlyingType(type.Type) ?? type.Type) == typeof(MessageId)) return null;
        if (!type.Type.IsGenericType || type.Type.GetGenericTypeDefinition() != typeof(PageOf<>)) return OpenApiOptions.CreateDefaultSchemaReferenceId(type);
        return $"{Of(type.Options.GetTypeInfo(type.Type.GetGenericArguments()[0]))}Page";
    }
}
