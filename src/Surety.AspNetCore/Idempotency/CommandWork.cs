using Surety.AspNetCore.Limits;
using Surety.Storage;

namespace Surety.AspNetCore.Idempotency;

/// <summary>A command's unit of work, and what its key's record said when it was taken in it.</summary>
internal sealed class CommandWork(CommandServices services)
{
    private long began;
    private bool beganCalm;
    private CommandKey? entered;

    /// <summary>Null before it has begun, and after it was undone.</summary>
    public OwnedUnitOfWork? Unit { get; private set; }

    public KeyAnswer Held { get; private set; }

    /// <summary>
    /// Begins, and takes the key. Tried twice: nothing has been done yet, and a connection that broke while it lay in its pool shows that
    /// only when it is used.
    /// </summary>
    public async Task BeginAsync(CommandKey? key, CancellationToken cancel)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                (began, beganCalm) = (services.Time.GetTimestamp(), services.Admission.IsCalm);
                Unit = await services.BeginAsync(cancel);
                services.Admission.WaitedForStore(services.Time.GetElapsedTime(began));
                if (key is not null) Held = await services.Records.TakeAsync(key.Digest, Unit.Transaction, cancel);
                return;
            }
            catch (StoreException e) when (e is { IsTransient: true, InDoubt: false } && tries == 1)
            {
                await UndoAsync();
            }
        }
    }

    /// <summary>Repeats that come to this process now are told so without a transaction.</summary>
    public void EnterKey(CommandKey key)
    {
        if (services.InFlight.TryEnter(key.Digest)) entered = key;
    }

    public void LeaveKey()
    {
        if (entered is not null) services.InFlight.Leave(entered.Digest);
    }

    /// <summary>It has committed: the admission learns how long it took.</summary>
    public void Ended(Pace pace) => services.Admission.Ended(pace, services.Time.GetElapsedTime(began), beganCalm);

    public async Task UndoAsync()
    {
        if (Unit is null) return;
        try
        {
            await Unit.DisposeAsync();
        }
        catch (Exception e)
        {
            // In place of what the request came to, it would say nothing true.
            services.Logger.RollbackFailed(e);
        }

        Unit = null;
    }
}
