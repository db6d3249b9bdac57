using System.Text.Json;
using System.Text.Json.Nodes;
using Surety.Storage;

namespace Surety.Processing;

/// <summary>One registered handler, as the builder collected it.</summary>
internal sealed record HandlerEntry(Type Message, string? Queue, Type Handler, Invoker Invoker, BatchLimits? Batch = null);

/// <summary>How large a batch grows and how long it waits.</summary>
internal sealed record BatchLimits(int MaxSize, TimeSpan MaxWait)
{
    public static TimeSpan DefaultWait { get; } = TimeSpan.FromMilliseconds(100);
}

/// <summary>What this node can handle, by stored kind. Immutable once built.</summary>
internal sealed class HandlerMap(IReadOnlyDictionary<string, KindHandler> kinds, JsonSerializerOptions json)
{
    public IEnumerable<KindHandler> All => kinds.Values;

    public KindHandler? Find(string kind) => kinds.GetValueOrDefault(kind);

    /// <summary>Reads the payload into a delivery. Throws <see cref="RejectException"/> when no node could ever read it.</summary>
    public Delivery Read(KindHandler handler, ClaimedMessage message, int maxAttempts, string storeId, Action<Delivery, Progress> report)
    {
        try
        {
            return handler.Invoker.Deliver(Current(handler, message), json, new DeliveryFacts
            {
                Id = message.Claim.Id,
                ClaimNumber = message.Claim.Number,
                Kind = message.Kind,
                Queue = message.Queue,
                Attempt = message.Attempt,
                MaxAttempts = maxAttempts,
                EnqueuedAt = message.EnqueuedAt,
                Headers = message.Headers,
                OrderingKey = message.OrderingKey,
                Owner = message.Owner,
                StoreId = storeId,
                Report = report,
            });
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException or FormatException)
        {
            throw new RejectException($"The stored payload is not a {message.Kind} (version {message.Version}): {e.Message}", e);
        }
    }

    private static ReadOnlyMemory<byte> Current(KindHandler handler, ClaimedMessage message)
    {
        if (message.Version == handler.Version) return message.Body;
        var node = JsonNode.Parse(message.Body.Span) ?? throw new JsonException("The payload is null.");
        for (var version = message.Version; version < handler.Version; version++)
        {
            node = handler.Upcasters.TryGetValue(version, out var upcast)
                ? upcast(node)
                : throw new RejectException(
                    $"Payload version {message.Version} of {message.Kind} cannot be read: no upcaster from version {version}. Register "
                        + "one and requeue.");
        }

        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer)) node.WriteTo(writer);
        return buffer.ToArray();
    }
}

/// <summary>How one kind is handled on this node.</summary>
internal sealed class KindHandler
{
    public required string Kind { get; init; }

    /// <summary>As what payloads are read.</summary>
    public required Type Message { get; init; }
    public required int Version { get; init; }
    public required string Queue { get; init; }
    public required Invoker Invoker { get; init; }
    public BatchLimits? Batch { get; init; }
    public required IReadOnlyDictionary<int, Func<JsonNode, JsonNode>> Upcasters { get; init; }

    /// <summary>Makes the message that is enqueued in the commit that gives one of this kind up; null for none.</summary>
    public Func<object, object>? OnDead { get; init; }
}
