using System.Data.Common;
using Surety.Storage;

namespace Surety.AspNetCore.Tests;

/// <summary>How a planted fault shows.</summary>
public enum Fault
{
    /// <summary>The call was not made.</summary>
    NotMade,

    /// <summary>The call was made, and its answer was lost; a commit's end is in doubt.</summary>
    AnswerLost,

    /// <summary>The call was not made, but of a commit nobody knows that.</summary>
    NotMadeInDoubt,

    /// <summary>The call was made, by the handler: a commit finds that there is nothing left to commit.</summary>
    MadeByHandler,
}

/// <summary>Counts what a command asks of its database, and fails the n-th of these calls, and when asked to all that follow.</summary>
/// <param name="failing">Which call fails, counted from 1.</param>
/// <param name="fault">How it fails.</param>
/// <param name="andAllAfter">Whether all that follow fail, too.</param>
internal sealed class Faults(int failing, Fault fault, bool andAllAfter = false)
{
    private int calls;

    private Func<Exception>? thrown;

    public bool Armed { get; set; }
    public int Calls => calls;
    public string Failed { get; private set; } = "nothing failed";

    /// <summary>Counts from the beginning, and throws something else than a store does.</summary>
    public void Arm(Func<Exception> throws)
    {
        (thrown, calls) = (throws, 0);
        Armed = true;
    }

    public async ValueTask<T> AroundAsync<T>(string name, Func<ValueTask<T>> call)
    {
        if (!Armed) return await call();
        var number = Interlocked.Increment(ref calls);
        if (number != failing && !(andAllAfter && number > failing)) return await call();
        Failed = $"call {number}, {name}: {fault}";
        if (fault is Fault.AnswerLost or Fault.MadeByHandler) await call();
        if (fault == Fault.MadeByHandler) throw new InvalidOperationException("planted: the transaction had ended");
        if (thrown is not null) throw thrown();
        throw new StoreException($"planted fault in {name}", isTransient: true, inDoubt: fault != Fault.NotMade && name == "commit");
    }

    public async ValueTask AroundAsync(string name, Func<ValueTask> call) => await AroundAsync(name, async () =>
    {
        await call();
        return true;
    });

    public void Wrap(IServiceCollection services)
    {
        Replace<SuretyDatabase>(services, real => new FaultyDatabase(real, this));
        Replace<IIdempotencyStore>(services, real => new FaultyRecords(real, this));
    }

    private static void Replace<T>(IServiceCollection services, Func<T, T> wrap) where T : class
    {
        var real = services.Last(s => s.ServiceType == typeof(T)).ImplementationFactory!;
        services.AddSingleton(provider => wrap((T)real(provider)));
    }
}

internal sealed class FaultyDatabase(SuretyDatabase real, Faults faults) : SuretyDatabase
{
    public override ValueTask<OwnedUnitOfWork> BeginAsync(CancellationToken cancellationToken = default)
    {
        OwnedUnitOfWork? begun = null;
        return Begin();

        async ValueTask<OwnedUnitOfWork> Begin()
        {
            try
            {
                return await faults.AroundAsync<OwnedUnitOfWork>(
                    "begin", async () => begun = new FaultyWork(await real.BeginAsync(cancellationToken), faults));
            }
            catch when (begun is not null)
            {
                // What a database does with a transaction whose beginning nobody heard of.
                faults.Armed = false;
                await begun.DisposeAsync();
                faults.Armed = true;
                throw;
            }
        }
    }

    public override ValueTask<DbConnection> OpenReadAsync(CancellationToken cancellationToken = default) =>
        real.OpenReadAsync(cancellationToken);
}

internal sealed class FaultyWork(OwnedUnitOfWork real, Faults faults) : OwnedUnitOfWork
{
    public override DbTransaction Transaction => real.Transaction;

    public override async Task CommitAsync()
    {
        try
        {
            await faults.AroundAsync("commit", () => new ValueTask(real.CommitAsync()));
        }
        catch
        {
            // Does nothing when the commit was made.
            await real.RollbackAsync();
            throw;
        }
    }

    public override async Task RollbackAsync() => await faults.AroundAsync("rollback", () => new ValueTask(real.RollbackAsync()));

    // Fails after the fact: a real one drops its connection, and the database undoes the rest.
    public override async ValueTask DisposeAsync()
    {
        await real.DisposeAsync();
        await faults.AroundAsync("dispose", () => ValueTask.CompletedTask);
    }
}

internal sealed class FaultyRecords(IIdempotencyStore real, Faults faults) : IIdempotencyStore
{
    public ValueTask<KeyAnswer> TakeAsync(ReadOnlyMemory<byte> key, DbTransaction transaction, CancellationToken cancel) =>
        faults.AroundAsync("take", () => real.TakeAsync(key, transaction, cancel));

    public ValueTask AnswerAsync(ReadOnlyMemory<byte> key, KeyRecord answer, DbTransaction transaction, CancellationToken cancel) =>
        faults.AroundAsync("answer", () => real.AnswerAsync(key, answer, transaction, cancel));

    public ValueTask<int> PruneAsync(int limit, CancellationToken cancellationToken) => real.PruneAsync(limit, cancellationToken);
}
