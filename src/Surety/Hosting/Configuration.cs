using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Surety.Intake;
using Surety.Processing;

namespace Surety.Hosting;

/// <summary>What the host knows of queues and kinds. Injected as a singleton.</summary>
internal interface IQueueCatalog
{
    /// <summary>The attempts the queue's retry policy allows; the default policy's for a queue this host does not know.</summary>
    int MaxAttempts(string queue);

    /// <summary>The stored name of a message type.</summary>
    /// <exception cref="ArgumentException">
    /// The type has no <see cref="MessageAttribute"/>, or its stored name is another type's on this host.
    /// </exception>
    string KindOf(Type message);

    /// <summary>The queue a kind goes to unless an enqueue says otherwise.</summary>
    string QueueOf(string kind);
}

/// <summary>Turns what the builder collected into immutable tables, collecting every fault on the way.</summary>
internal sealed class Configuration : IQueueCatalog
{
    private readonly List<string> faults = [];
    private readonly List<Type> handlers;

    private Configuration(SuretyBuilder builder)
    {
        CheckOptions(builder.Options);
        foreach (var (name, options) in builder.Queues) CheckQueue(name, options);
        if (builder.Stores.Count == 0)
            faults.Add("No store is chosen. Call UseSqlite(connectionString) or another store's Use… method inside AddSurety.");
        if (builder.Stores.Count > 1)
            faults.Add($"{builder.Stores.Count} stores are chosen ({string.Join(", ", builder.Stores)}). Choose one.");

        if (builder.BlobStores.Count > 1)
            faults.Add($"{builder.BlobStores.Count} places for uploads are chosen ({string.Join(", ", builder.BlobStores)}). Choose one.");

        handlers = [.. builder.Handlers.Select(h => h.Handler).Distinct()];
        var kinds = ReadHandlers(builder);
        Handlers = new HandlerMap(kinds, builder.Json);
        Types = new MessageTypes(
            kinds.ToDictionary(k => k.Key, k => k.Value.Message), kinds.ToDictionary(k => k.Key, k => k.Value.Queue), builder.Json);

        var queues = new Dictionary<string, QueueOptions>(builder.Queues);
        foreach (var kind in kinds.Values) queues.TryAdd(kind.Queue, new QueueOptions());
        Queues = queues;
    }

    public HandlerMap Handlers { get; }
    public MessageTypes Types { get; }
    public IReadOnlyDictionary<string, QueueOptions> Queues { get; }
    public IReadOnlyList<string> Faults => faults;

    public static Configuration Read(SuretyBuilder builder) => new(builder);

    public int MaxAttempts(string queue) => (Queues.GetValueOrDefault(queue)?.Retry ?? Retry.Default).Attempts;

    public string KindOf(Type message) => Types.Of(message).Kind;

    public string QueueOf(string kind) => Types.QueueOf(kind);

    /// <summary>Adds what the handlers need and nobody registered; only the finished container can tell.</summary>
    public void Check(Dependencies dependencies)
    {
        foreach (var handler in handlers)
        {
            foreach (var missing in dependencies.Missing(handler))
                faults.Add($"{missing} Register it on this host, or give the parameter a default.");
        }
    }

    public void ThrowIfFaulty()
    {
        if (faults.Count == 0) return;
        throw new InvalidOperationException(
            $"Surety is misconfigured; {faults.Count} {(faults.Count == 1 ? "fault" : "faults")} to correct:{Environment.NewLine}"
            + string.Join(Environment.NewLine, faults.Select(f => $"  - {f}")));
    }

    private void CheckOptions(SuretyOptions options)
    {
        Check(
            options.NodeName is { Length: >= 1 and <= 200 },
            $"SuretyOptions.NodeName has {options.NodeName?.Length ?? 0} characters; give it 1 to 200.");
        Check(StoredText.IsStorable(options.NodeName), $"SuretyOptions.NodeName {StoredText.Fault}. Give the node another name.");
        Range(options.NodeLease, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10), "SuretyOptions.NodeLease");
        Range(options.DrainLimit, TimeSpan.Zero, TimeSpan.FromMinutes(10), "SuretyOptions.DrainLimit");
        Range(options.PollInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1), "SuretyOptions.PollInterval");
        Range(options.MaxDeaths, 1, 100, "SuretyOptions.MaxDeaths");
        Range(options.KeepUploads, TimeSpan.Zero, TimeSpan.FromDays(365), "SuretyOptions.KeepUploads");
        if (options.KeepEndedKeys != TimeSpan.Zero)
            Range(options.KeepEndedKeys, TimeSpan.FromDays(1), TimeSpan.FromDays(36500), "SuretyOptions.KeepEndedKeys");
        Range(options.MaxBodyBytes, 1, 16 * 1024 * 1024, "SuretyOptions.MaxBodyBytes");
    }

    private void CheckQueue(string name, QueueOptions options)
    {
        var of = $"Queue \"{name}\"";
        Check(Names.AreValid(name), $"{of}: that is not a name. {Names.Rule}");
        Range(options.Concurrency, 1, 1024, $"{of}: Concurrency");
        Range(options.HandlerTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1), $"{of}: HandlerTimeout");
        Check(options.Retry is not null, $"{of}: Retry is null. Set a policy, or leave the default.");
        if (options.RateLimit is { } limit) Range(limit, 1, 1_000_000, $"{of}: RateLimit");
        Range(options.RatePeriod, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1), $"{of}: RatePeriod");
        Check(
            options.Retention == Timeout.InfiniteTimeSpan
                || (options.Retention >= TimeSpan.Zero && options.Retention <= TimeSpan.FromDays(36500)),
            $"{of}: Retention is {options.Retention}. Set zero or more, or Timeout.InfiniteTimeSpan to keep for ever.");
    }

    private Dictionary<string, KindHandler> ReadHandlers(SuretyBuilder builder)
    {
        var kinds = new Dictionary<string, KindHandler>();
        var seen = new Dictionary<string, HandlerEntry>();
        foreach (var entry in builder.Handlers)
        {
            if (Attribute(entry.Message) is not { } attribute) continue;
            if (seen.TryGetValue(attribute.Kind, out var other))
            {
                faults.Add(Twice(attribute.Kind, other, entry));
                continue;
            }

            seen[attribute.Kind] = entry;
            var queue = entry.Queue ?? attribute.Kind;
            Check(Names.AreValid(queue), $"{entry.Handler.Name}: \"{queue}\" is not a queue name. {Names.Rule}");
            CheckReadable(builder.Json, entry.Message);
            if (entry.Batch is { } batch)
            {
                Range(batch.MaxSize, 1, IQueue.MaxBatch, $"{entry.Handler.Name}: maxSize");
                Range(batch.MaxWait, TimeSpan.Zero, TimeSpan.FromMinutes(1), $"{entry.Handler.Name}: maxWait");
            }

            kinds[attribute.Kind] = new KindHandler
            {
                Kind = attribute.Kind, Message = entry.Message, Version = attribute.Version, Queue = queue, Invoker = entry.Invoker,
                Batch = entry.Batch,
                Upcasters = UpcastersOf(builder, entry.Message, attribute),
                OnDead = builder.FollowUps.FirstOrDefault(f => f.Message == entry.Message).FollowUp,
            };
        }

        foreach (var (message, _) in builder.FollowUps)
        {
            if (builder.Handlers.All(h => h.Message != message))
                faults.Add(
                    $"OnDead<{message.Name}> is registered, but no handler for {message.Name} is. Register the handler on this host.");
        }

        foreach (var (message, _, _) in builder.Upcasters)
        {
            if (builder.Handlers.All(h => h.Message != message))
                faults.Add(
                    $"Upcast<{message.Name}> is registered, but no handler for {message.Name} is. Register the handler on this host.");
        }

        return kinds;
    }

    private static string Twice(string kind, HandlerEntry one, HandlerEntry other) => one.Message == other.Message
        ? $"Kind \"{kind}\" has two handlers on this host, {one.Handler.Name} and {other.Handler.Name}. Keep one; to do two things, let "
            + "the first enqueue another message."
        : $"Kind \"{kind}\" is the stored name of two message types on this host, {one.Message.Name} (for {one.Handler.Name}) and "
            + $"{other.Message.Name} (for {other.Handler.Name}). Give one of them another name.";

    private Dictionary<int, Func<JsonNode, JsonNode>> UpcastersOf(SuretyBuilder builder, Type message, MessageAttribute attribute)
    {
        var upcasters = new Dictionary<int, Func<JsonNode, JsonNode>>();
        foreach (var (_, version, upcast) in builder.Upcasters.Where(u => u.Message == message))
        {
            Check(
                version >= 1 && version < attribute.Version,
                $"Upcast<{message.Name}>({version}): there is no such older version; the type's version is {attribute.Version}.");
            Check(upcasters.TryAdd(version, upcast), $"Upcast<{message.Name}>({version}) is registered twice. Keep one.");
        }

        return upcasters;
    }

    private MessageAttribute? Attribute(Type message)
    {
        try
        {
            return MessageTypes.Read(message) ?? throw MessageTypes.Nameless(message);
        }
        catch (ArgumentException e)
        {
            faults.Add(e.Message.Replace(" (Parameter 'type')", "", StringComparison.Ordinal));
            return null;
        }
    }

    private void CheckReadable(JsonSerializerOptions json, Type message)
    {
        try
        {
            json.GetTypeInfo(message);
            // One whose class has a converter of its own is that converter's affair.
            if (message.IsAbstract
                && json.GetTypeInfo(message) is { Kind: JsonTypeInfoKind.Object, PolymorphismOptions: null or { DerivedTypes.Count: 0 } })
                faults.Add(
                    $"{message.Name} is abstract, so that no payload can be read as one. Declare what it may be with "
                        + "[JsonDerivedType(typeof(…), \"…\")] on it, or handle those types themselves.");
        }
        catch (Exception e) when (e is NotSupportedException or InvalidOperationException)
        {
            faults.Add(
                $"{message.Name} cannot be read as JSON: {e.Message} With reflection off, add a source-generated context to "
                    + "SuretyBuilder.Json.TypeInfoResolverChain.");
        }
    }

    private void Check(bool ok, string fault)
    {
        if (!ok) faults.Add(fault);
    }

    private void Range<T>(T value, T least, T most, string what) where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0) faults.Add($"{what} is {value}; set it to {least} to {most}.");
    }
}
