namespace Surety.Bench.JobQueues;

/// <summary>An effect elsewhere that costs nothing: what is left is the queue's own cost.</summary>
internal sealed class CountJob(Tally tally) : IHandler<Job>
{
    public Task<Outcome> HandleAsync(Delivery<Job> delivery, CancellationToken cancellationToken)
    {
        tally.Add(delivery.Message);
        return Task.FromResult(Outcome.Done);
    }
}

/// <summary>Every tenth job fails, the first time.</summary>
internal sealed class FailTenth(Tally tally) : IHandler<Job>
{
    public Task<Outcome> HandleAsync(Delivery<Job> delivery, CancellationToken cancellationToken)
    {
        if (delivery.Message.Number % 10 == 3 && delivery.Attempt == 1) return Task.FromResult(Outcome.Retry("the tenth"));
        tally.Add(delivery.Message);
        return Task.FromResult(Outcome.Done);
    }
}

/// <summary>One row of effect, in the transaction that settles the message.</summary>
internal sealed class WriteRow(Tally tally) : ITransactionalHandler<Job>
{
    public async Task<Outcome> HandleAsync(Delivery<Job> delivery, UnitOfWork work, CancellationToken cancellationToken)
    {
        await using var command = work.Connection.CreateCommand();
        (command.Transaction, command.CommandText) = (work.Transaction, "INSERT INTO effect (number, amount) VALUES (@number, @amount)");
        Add("@number", delivery.Message.Number);
        Add("@amount", delivery.Message.Amount);
        await command.ExecuteNonQueryAsync(cancellationToken);
        tally.Add(delivery.Message);
        return Outcome.Done;

        void Add(string name, object value)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }
    }
}
