namespace Surety.Bench.Queues;

/// <summary>Counts what the handlers were given.</summary>
internal sealed class Handled
{
    private readonly TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long wanted = long.MaxValue;
    private long count;

    public long Count => Interlocked.Read(ref count);

    public Task UntilAsync(long count)
    {
        Interlocked.Exchange(ref wanted, count);
        return reached.Task;
    }

    public void Add(int more)
    {
        if (Interlocked.Add(ref count, more) >= Interlocked.Read(ref wanted)) reached.TrySetResult();
    }
}

/// <summary>An effect elsewhere that costs nothing: what is left is the queue's own cost.</summary>
internal sealed class CountEach(Handled handled) : IHandler<Posted>
{
    public Task<Outcome> HandleAsync(Delivery<Posted> delivery, CancellationToken cancellationToken)
    {
        handled.Add(1);
        return Task.FromResult(Outcome.Done);
    }
}

internal sealed class CountMany(Handled handled) : IBatchHandler<Posted>
{
    public Task<IReadOnlyList<Outcome>> HandleAsync(IReadOnlyList<Delivery<Posted>> deliveries, CancellationToken cancellationToken)
    {
        handled.Add(deliveries.Count);
        return Task.FromResult<IReadOnlyList<Outcome>>([.. deliveries.Select(_ => Outcome.Done)]);
    }
}

/// <summary>One row of effect in the transaction that settles the message.</summary>
internal sealed class BookEach(Handled handled) : ITransactionalHandler<Posted>
{
    public async Task<Outcome> HandleAsync(Delivery<Posted> delivery, UnitOfWork work, CancellationToken cancellationToken)
    {
        await Effect.BookAsync([delivery], work, cancellationToken);
        handled.Add(1);
        return Outcome.Done;
    }
}

internal sealed class BookMany(Handled handled) : ITransactionalBatchHandler<Posted>
{
    public async Task<IReadOnlyList<Outcome>> HandleAsync(
        IReadOnlyList<Delivery<Posted>> deliveries, UnitOfWork work, CancellationToken cancellationToken)
    {
        await Effect.BookAsync(deliveries, work, cancellationToken);
        handled.Add(deliveries.Count);
        return [.. deliveries.Select(_ => Outcome.Done)];
    }
}

internal static class Effect
{
    public static async Task BookAsync(IReadOnlyList<Delivery<Posted>> deliveries, UnitOfWork work, CancellationToken cancel)
    {
        await using var command = work.Connection.CreateCommand();
        (command.Transaction, command.CommandText) = (work.Transaction, "INSERT INTO effect (number, amount) VALUES (@number, @amount)");
        var (number, amount) = (command.CreateParameter(), command.CreateParameter());
        (number.ParameterName, amount.ParameterName) = ("@number", "@amount");
        command.Parameters.Add(number);
        command.Parameters.Add(amount);
        foreach (var delivery in deliveries)
        {
            (number.Value, amount.Value) = (delivery.Message.Number, delivery.Message.Amount);
            await command.ExecuteNonQueryAsync(cancel);
        }
    }
}
