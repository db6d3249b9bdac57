using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Surety.Intake;

/// <summary>How payloads are written and read unless the host says otherwise.</summary>
internal static class MessageJson
{
    public static JsonSerializerOptions CreateDefault()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web) { MaxDepth = 64 };
        if (JsonSerializer.IsReflectionEnabledByDefault) UseReflection(options);
        return options;
    }

    // Only where the application has not turned reflection off; there it must add its own source-generated context, and the start-up check
    // says so.
    [UnconditionalSuppressMessage(
        "Trimming", "IL2026", Justification = "Guarded by IsReflectionEnabledByDefault, which trimming turns off.")]
    [UnconditionalSuppressMessage(
        "AOT", "IL3050", Justification = "Guarded by IsReflectionEnabledByDefault, which ahead-of-time compilation turns off.")]
    private static void UseReflection(JsonSerializerOptions options)
    {
        options.Converters.Add(new JsonStringEnumConverter());
        options.TypeInfoResolverChain.Add(new DefaultJsonTypeInfoResolver());
    }
}
