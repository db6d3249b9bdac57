using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

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

    /// <summary>
    /// A body that does not say which of an abstract type's kinds it is is the client's fault. The serializer would throw as it does for a
    /// type that nobody can read, and so for a fault of the server's.
    /// </summary>
    public static void AskForDiscriminators(JsonTypeInfo type)
    {
        if (type is { Kind: JsonTypeInfoKind.Object, CreateObject: null, PolymorphismOptions: { } kinds }
            && (type.Type.IsAbstract || type.Type.IsInterface))
            type.CreateObject = () => throw new JsonException(MissingMember + kinds.TypeDiscriminatorPropertyName);
    }

    /// <summary>Begins the message about a member that is wanted; its name follows.</summary>
    public const string MissingMember = "There must be a member that says which kind of value this is: ";

    /// <summary>Ends the message about an instant that could be any of several.</summary>
    public const string NoOffset = "The instant has no offset. End it with Z, or with one such as +02:00.";

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

    /// <summary>
    /// Instants are written in UTC with <c>Z</c>; they are read in any offset, but not without one: the framework would take the server's,
    /// and so read the same text differently from node to node.
    /// </summary>
    private sealed class UtcInstantConverter : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var instant = reader.GetDateTimeOffset();
            return reader.GetDateTime().Kind == DateTimeKind.Unspecified ? throw new JsonException(NoOffset) : instant;
        }

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.UtcDateTime);
    }
}
