using System.Data.Common;
using System.Diagnostics;
using System.Text.Json;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Intake;

/// <summary>The intake: checks and serializes messages, and hands them to the store in one call.</summary>
internal sealed class MessageQueue(
    IMessageStore store, IStore opened, MessageTypes types, JsonSerializerOptions json, SuretyOptions options, TimeProvider time,
    SuretyTelemetry telemetry) : IQueue
{
    private static readonly TimeSpan LongestDelay = TimeSpan.FromDays(3660);

    public async ValueTask<IReadOnlyList<Enqueued>> EnqueueAsync(
        IReadOnlyList<Envelope> messages, DbTransaction? transaction = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (messages.Count == 0) return [];
        if (transaction is null) opened.ThrowIfBeside(nameof(EnqueueAsync), AmbientUnit.Pass);
        if (messages.Count > IQueue.MaxBatch)
            throw new ArgumentException(
                $"{messages.Count} messages in one call; at most {IQueue.MaxBatch} go in. Split them, in one transaction if they belong "
                + "together.",
                nameof(messages));

        var rows = new NewMessage[messages.Count];
        for (var i = 0; i < rows.Length; i++) rows[i] = Row(messages[i]);

        using var activity = telemetry.StartSend(rows);
        var results = await store.EnqueueAsync(rows, transaction, cancellationToken);
        telemetry.Sent(rows, results);
        return results;
    }

    /// <summary>Makes the row; throws <see cref="ArgumentException"/> for whatever is outside its limits.</summary>
    internal NewMessage Row(Envelope envelope)
    {
        var message = envelope.Message ?? throw new ArgumentException("A message is null.", nameof(envelope));
        var type = types.Of(message.GetType());
        var body = JsonSerializer.SerializeToUtf8Bytes(message, json.GetTypeInfo(type.Declared));
        if (body.Length > options.MaxBodyBytes)
            throw new ArgumentException(
                $"The {type.Kind} payload has {body.Length} bytes; at most {options.MaxBodyBytes} are stored "
                    + "(SuretyOptions.MaxBodyBytes). Keep large data in a table or a blob store and enqueue its address.",
                nameof(envelope));

        if (envelope.Options is not { } given)
        {
            return new NewMessage
            {
                Kind = type.Kind, Version = type.Version, Body = body, Queue = types.QueueOf(type.Kind), Headers = WithTrace(null),
            };
        }

        Check(envelope, given, type.Kind);
        return new NewMessage
        {
            Kind = type.Kind,
            Version = type.Version,
            Body = body,
            Queue = given.Queue ?? types.QueueOf(type.Kind),
            Delay = given.Delay,
            // Databases have no day as early as some that mean "long ago".
            DueAt = given.DueAt < DateTimeOffset.UnixEpoch ? DateTimeOffset.UnixEpoch : given.DueAt,
            Priority = given.Priority,
            OrderingKey = Key(envelope, given.OrderingKey, 200, nameof(given.OrderingKey), type.Kind),
            UniqueKey = Key(envelope, given.UniqueKey, 200, nameof(given.UniqueKey), type.Kind),
            UniqueFor = given.UniqueFor,
            Headers = WithTrace(given.Headers),
            Tracked = given.Tracked,
            Owner = Key(envelope, given.Owner, StoredText.LongestOwner, nameof(given.Owner), type.Kind),
        };
    }

    private void Check(Envelope envelope, EnqueueOptions given, string kind)
    {
        if (given.Queue is { } queue && !Names.AreValid(queue))
            throw Fault(envelope, kind, $"the queue \"{Shown(queue)}\" is not a name. {Names.Rule}");
        if (given.Delay < TimeSpan.Zero || given.Delay > LongestDelay)
            throw Fault(envelope, kind, $"Delay {given.Delay} is outside 0 to 10 years.");
        if (given.DueAt - time.GetUtcNow() > LongestDelay)
            throw Fault(envelope, kind, $"DueAt {given.DueAt:O} is more than 10 years ahead.");
        if (given.DueAt is not null && given.Delay != TimeSpan.Zero) throw Fault(envelope, kind, "Delay and DueAt are both set. Set one.");
        if (!Enum.IsDefined(given.Priority)) throw Fault(envelope, kind, $"Priority {(int)given.Priority} does not exist.");
        if (given.UniqueFor is { } window && (window <= TimeSpan.Zero || window > LongestDelay))
            throw Fault(envelope, kind, $"UniqueFor {window} is outside 0 to 10 years.");
        if (given.UniqueFor is not null && given.UniqueKey is null) throw Fault(envelope, kind, "UniqueFor is set without a UniqueKey.");
    }

    private static string? Key(Envelope envelope, string? key, int most, string name, string kind) => key switch
    {
        null => null,
        _ when key.Length < 1 || key.Length > most =>
            throw Fault(envelope, kind, $"{name} has {key.Length} characters; 1 to {most} are allowed."),
        // Databases have no such text: two keys could become one.
        _ when !StoredText.IsStorable(key) => throw Fault(envelope, kind, $"{name} {StoredText.Fault}."),
        _ => key,
    };

    private static ArgumentException Fault(Envelope envelope, string kind, string what) =>
        new($"Enqueue of {kind}: {what}", nameof(envelope));

    private static IReadOnlyDictionary<string, string> WithTrace(IReadOnlyDictionary<string, string>? headers)
    {
        if (headers is { Count: > 0 })
        {
            var length = 0;
            foreach (var (name, value) in headers)
            {
                if (value is null) throw new ArgumentException($"The header \"{Shown(name)}\" is null.", nameof(headers));
                length += name.Length + value.Length;
                if (!StoredText.IsStorable(name) || !StoredText.IsStorable(value))
                    throw new ArgumentException($"The header \"{Shown(name)}\" {StoredText.Fault}.", nameof(headers));
            }

            if (headers.Count > 32 || length > 4096)
                throw new ArgumentException(
                    $"{headers.Count} headers with {length} characters; at most 32 with 4,096 in all are stored.", nameof(headers));
        }

        if (Activity.Current is not { IdFormat: ActivityIdFormat.W3C, Id: { } trace } activity
            || headers?.ContainsKey("traceparent") == true)
            return headers ?? NewMessage.NoHeaders;

        var all = headers is null ? [] : new Dictionary<string, string>(headers);
        all["traceparent"] = trace;
        if (activity.TraceStateString is { Length: > 0 and <= 512 } state && StoredText.IsStorable(state)) all["tracestate"] = state;
        return all;
    }

    private static string Shown(string text) => StoredText.Cut(text, 40);
}
