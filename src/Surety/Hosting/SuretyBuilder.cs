using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Surety.Intake;
using Surety.Processing;
using Surety.Storage;

namespace Surety.Hosting;

/// <summary>
/// Collects what a host does: which store, which queues, which handlers. Nothing is checked here; the host checks everything when it starts
/// and lists every fault at once.
/// </summary>
public sealed class SuretyBuilder
{
    internal SuretyBuilder(IServiceCollection services) => Services = services;

    /// <summary>The host's services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>What holds for the whole host.</summary>
    public SuretyOptions Options { get; } = new();

    /// <summary>
    /// How payloads are written and read. Default: web defaults (camelCase, case-insensitive), enums as strings. Add a source-generated
    /// context first for ahead-of-time builds.
    /// </summary>
    public JsonSerializerOptions Json { get; } = MessageJson.CreateDefault();

    internal Dictionary<string, QueueOptions> Queues { get; } = [];
    internal List<HandlerEntry> Handlers { get; } = [];
    internal List<(Type Message, int FromVersion, Func<JsonNode, JsonNode> Upcast)> Upcasters { get; } = [];
    internal List<(Type Message, Func<object, object> FollowUp)> FollowUps { get; } = [];
    internal List<string> Stores { get; } = [];
    internal List<string> BlobStores { get; } = [];

    /// <summary>Says that this host uses a store; called once, by a store's package.</summary>
    /// <param name="product">For people, such as <c>SQLite</c>.</param>
    /// <param name="create">Makes it.</param>
    /// <param name="add">Adds all its nouns.</param>
    internal SuretyBuilder AddStore<TStore>(string product, Func<IServiceProvider, TStore> create, Action<StoreNouns<TStore>> add)
        where TStore : class, IStore
    {
        Stores.Add(product);
        Services.AddSingleton(create);
        Services.AddSingleton<IStore>(provider => provider.GetRequiredService<TStore>());
        add(new StoreNouns<TStore>(Services));
        return this;
    }

    /// <summary>
    /// Keeps the content of uploads in a local folder, in a folder of the store's own. Nodes on several machines need one folder that all
    /// of them see.
    /// </summary>
    /// <param name="folder">Made when it is missing. On a disk that keeps what it says it has written.</param>
    public SuretyBuilder UseBlobFolder(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        return UseBlobs($"the folder {folder}", _ => new FolderBlobs(folder));
    }

    /// <summary>Keeps the content of uploads in a store of another package's; called by that package.</summary>
    /// <param name="name">For people.</param>
    /// <param name="create">Makes it.</param>
    public SuretyBuilder UseBlobs(string name, Func<IServiceProvider, IBlobStore> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        BlobStores.Add(name);
        Services.AddSingleton(create);
        return this;
    }

    /// <summary>Changes what holds for the whole host.</summary>
    public SuretyBuilder Configure(Action<SuretyOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(Options);
        return this;
    }

    /// <summary>
    /// Sets how a queue is worked. Queues need no declaration; this one is for those that differ from the defaults. Calls for one queue add
    /// up.
    /// </summary>
    /// <param name="name">1 to 100 characters out of lower-case letters, digits, <c>.</c>, <c>-</c> and <c>_</c>.</param>
    /// <param name="configure">Changes the options.</param>
    public SuretyBuilder Queue(string name, Action<QueueOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        if (!Queues.TryGetValue(name, out var options)) Queues[name] = options = new QueueOptions();
        configure(options);
        return this;
    }

    /// <summary>Handles a kind with a plain handler: at least once.</summary>
    /// <param name="queue">The queue its messages go to unless an enqueue says otherwise. Default <c>default</c>.</param>
    public SuretyBuilder Handle<TMessage, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string queue = "default")
        where TMessage : notnull where THandler : class, IHandler<TMessage>
    {
        Services.TryAddScoped<THandler>();
        Handlers.Add(new HandlerEntry(typeof(TMessage), queue, typeof(THandler), new PlainInvoker<TMessage, THandler>()));
        return this;
    }

    /// <summary>Handles a kind with a transactional handler: its effects in this database happen exactly once.</summary>
    /// <param name="queue">As for <see cref="Handle{TMessage, THandler}"/>.</param>
    public SuretyBuilder HandleInTransaction<
        TMessage, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string queue = "default")
        where TMessage : notnull where THandler : class, ITransactionalHandler<TMessage>
    {
        Services.TryAddScoped<THandler>();
        Handlers.Add(new HandlerEntry(typeof(TMessage), queue, typeof(THandler), new TransactionalInvoker<TMessage, THandler>()));
        return this;
    }

    /// <summary>Handles a kind many messages at a time: at least once.</summary>
    /// <param name="maxSize">The most messages in a batch, 1 to 10,000.</param>
    /// <param name="maxWait">How long a batch that is not full waits for more, zero to 1 min. Default 100 ms.</param>
    /// <param name="queue">The queue, which should hold only this kind. Default: the kind's own name.</param>
    public SuretyBuilder HandleBatch<TMessage, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        int maxSize = 100, TimeSpan? maxWait = null, string? queue = null)
        where TMessage : notnull where THandler : class, IBatchHandler<TMessage>
    {
        Services.TryAddScoped<THandler>();
        var limits = new BatchLimits(maxSize, maxWait ?? BatchLimits.DefaultWait);
        Handlers.Add(new HandlerEntry(typeof(TMessage), queue, typeof(THandler), new BatchInvoker<TMessage, THandler>(), limits));
        return this;
    }

    /// <summary>Handles a kind many messages at a time, in one transaction: effects and settling commit together.</summary>
    /// <inheritdoc cref="HandleBatch{TMessage, THandler}"/>
    public SuretyBuilder HandleBatchInTransaction<
        TMessage, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        int maxSize = 100, TimeSpan? maxWait = null, string? queue = null)
        where TMessage : notnull where THandler : class, ITransactionalBatchHandler<TMessage>
    {
        Services.TryAddScoped<THandler>();
        var limits = new BatchLimits(maxSize, maxWait ?? BatchLimits.DefaultWait);
        Handlers.Add(new HandlerEntry(
            typeof(TMessage), queue, typeof(THandler), new TransactionalBatchInvoker<TMessage, THandler>(), limits));
        return this;
    }

    /// <summary>
    /// Enqueues a follow-up in the very commit that gives a message of this kind up (to the dead letters, by whatever road) or cancels it:
    /// to release what the message had reserved. Needs a handler for the kind on this host. A dead letter that is requeued and dies again
    /// is followed up again, so make the follow-up's handler idempotent.
    /// </summary>
    /// <param name="followUp">Makes the follow-up out of the message; its type carries a <see cref="MessageAttribute"/>.</param>
    public SuretyBuilder OnDead<TMessage>(Func<TMessage, object> followUp) where TMessage : notnull
    {
        ArgumentNullException.ThrowIfNull(followUp);
        FollowUps.Add((typeof(TMessage), message => followUp((TMessage)message)));
        return this;
    }

    /// <summary>Reads payloads of an older version: from <paramref name="fromVersion"/> to the next one.</summary>
    /// <param name="fromVersion">
    /// The stored version, 1 or more, below the type's current one. Every version in between needs its own upcaster.
    /// </param>
    /// <param name="upcast">Makes the next version's JSON out of the stored one.</param>
    public SuretyBuilder Upcast<TMessage>(int fromVersion, Func<JsonNode, JsonNode> upcast) where TMessage : notnull
    {
        ArgumentNullException.ThrowIfNull(upcast);
        Upcasters.Add((typeof(TMessage), fromVersion, upcast));
        return this;
    }
}
