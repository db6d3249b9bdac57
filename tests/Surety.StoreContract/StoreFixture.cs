using System.Data.Common;
using Surety.Storage;

namespace Surety.StoreContract;

/// <summary>The way to a store's data: all that a store's test project supplies. One fixture is one fresh, empty set of data.</summary>
public abstract class StoreFixture : IAsyncDisposable
{
    /// <summary>
    /// Opens the data, as another process would. On the first call it is empty, holds the application's table <c>effect (id BIGINT PRIMARY
    /// KEY)</c>, and its next message id lies beyond 2^31.
    /// </summary>
    internal abstract Task<OpenStore> OpenAsync(TimeProvider time);

    /// <summary>A store whose nodes work beside the first one's. Where one process works at a time, the first one's own.</summary>
    internal virtual Task<OpenStore> OpenWorkingPeerAsync(OpenStore first, TimeProvider time) => OpenAsync(time);

    /// <summary>Opens a connection of the application's own on the same data.</summary>
    public abstract Task<DbConnection> ConnectAsync();

    /// <summary>The table of answered requests, as SQL names it.</summary>
    public abstract string IdempotencyTable { get; }

    /// <summary>Deletes the data.</summary>
    public abstract ValueTask DisposeAsync();
}

/// <summary>An open store: its nouns, as the core gets them.</summary>
internal sealed record OpenStore(
    IStore Store,
    IMessageStore Messages,
    IMessageReader Reader,
    IDeadLetters DeadLetters,
    INodeStore Nodes,
    IQueues Queues,
    IIdempotencyStore Idempotency,
    IApiKeyStore ApiKeys,
    IQuotaStore Quotas,
    IUploadStore Uploads,
    SuretyDatabase Database);
