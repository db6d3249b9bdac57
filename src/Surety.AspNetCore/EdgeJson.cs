using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Surety.AspNetCore;

/// <summary>How JSON looks at the edge, and how strictly it is read.</summary>
internal static class EdgeJson
{
    /// <summary>For Surety's own answers, so that they stay the same however the host sets up its own.</summary>
    public static JsonSerializerOptions Own { get; } = CreateOwn();

    /// <summary>What a client sent by mistake should be told to it, not guessed at or dropped.</summary>
    public static void MakeStrict(JsonSerializerOptions options, int maxDepth)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.PropertyNameCaseInsensitive = false;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.AllowDuplicateProperties = false;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.RespectNullableAnnotations = true;
        options.RespectRequiredConstructorParameters = true;
        options.MaxDepth = maxDepth;
        AddConverters(options);
    }

    private static void AddConverters(JsonSerializerOptions options)
    {
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
        options.Converters.Add(new UtcInstantConverter());
    }

    private static JsonSerializerOptions CreateOwn()
    {
        // Sent as application/json with nosniff, never inside HTML: no need to escape quotes and letters beyond ASCII.
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        AddConverters(options);
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    /// <summary>Instants are written in UTC with <c>Z</c>; they are read in any offset.</summary>
    private sealed class UtcInstantConverter : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetDateTimeOffset();

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.UtcDateTime);
    }
}
