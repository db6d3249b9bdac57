using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Surety.Processing;

/// <summary>
/// Where the untyped loops meet the user's typed handler. Every kind runs as a batch, most of them as batches of one, so there is one road
/// to follow.
/// </summary>
internal abstract class Invoker
{
    /// <summary>Whether handlers run inside a unit of work that settles with them.</summary>
    public virtual bool InTransaction => false;

    public abstract Delivery Deliver(ReadOnlyMemory<byte> body, JsonSerializerOptions json, DeliveryFacts facts);

    public abstract object PayloadOf(Delivery delivery);

    /// <summary>Resolves the handler from the scope and runs it.</summary>
    public abstract Task<IReadOnlyList<Outcome>> InvokeAsync(
        IServiceProvider scope, Delivery[] deliveries, UnitOfWork? work, CancellationToken cancel);
}

internal abstract class Invoker<TMessage> : Invoker where TMessage : notnull
{
    public sealed override Delivery Deliver(ReadOnlyMemory<byte> body, JsonSerializerOptions json, DeliveryFacts facts)
    {
        var payload = JsonSerializer.Deserialize(body.Span, (JsonTypeInfo<TMessage>)json.GetTypeInfo(typeof(TMessage)))
            ?? throw new JsonException("The payload is null.");
        return new Delivery<TMessage>(payload, facts);
    }

    public sealed override object PayloadOf(Delivery delivery) => ((Delivery<TMessage>)delivery).Message;

    private protected static Delivery<TMessage> One(Delivery[] deliveries) => (Delivery<TMessage>)deliveries[0];

    private protected static IReadOnlyList<Delivery<TMessage>> Many(Delivery[] deliveries) =>
        Array.ConvertAll(deliveries, d => (Delivery<TMessage>)d);
}

internal sealed class PlainInvoker<TMessage, THandler> : Invoker<TMessage>
    where TMessage : notnull where THandler : class, IHandler<TMessage>
{
    public override async Task<IReadOnlyList<Outcome>> InvokeAsync(
        IServiceProvider scope, Delivery[] deliveries, UnitOfWork? work, CancellationToken cancel) =>
        [await scope.GetRequiredService<THandler>().HandleAsync(One(deliveries), cancel)];
}

internal sealed class TransactionalInvoker<TMessage, THandler> : Invoker<TMessage>
    where TMessage : notnull where THandler : class, ITransactionalHandler<TMessage>
{
    public override bool InTransaction => true;

    public override async Task<IReadOnlyList<Outcome>> InvokeAsync(
        IServiceProvider scope, Delivery[] deliveries, UnitOfWork? work, CancellationToken cancel) =>
        [await scope.GetRequiredService<THandler>().HandleAsync(One(deliveries), work!, cancel)];
}

internal sealed class BatchInvoker<TMessage, THandler> : Invoker<TMessage>
    where TMessage : notnull where THandler : class, IBatchHandler<TMessage>
{
    public override async Task<IReadOnlyList<Outcome>> InvokeAsync(
        IServiceProvider scope, Delivery[] deliveries, UnitOfWork? work, CancellationToken cancel) =>
        await scope.GetRequiredService<THandler>().HandleAsync(Many(deliveries), cancel);
}

internal sealed class TransactionalBatchInvoker<TMessage, THandler> : Invoker<TMessage>
    where TMessage : notnull where THandler : class, ITransactionalBatchHandler<TMessage>
{
    public override bool InTransaction => true;

    public override async Task<IReadOnlyList<Outcome>> InvokeAsync(
        IServiceProvider scope, Delivery[] deliveries, UnitOfWork? work, CancellationToken cancel) =>
        await scope.GetRequiredService<THandler>().HandleAsync(Many(deliveries), work!, cancel);
}
