namespace Surety.Intake;

/// <summary>
/// One request at a time an upload, in this process. A request that comes asks the one before to stop: a client that comes back has given
/// its first connection up, though this side may not know yet. This saves what the first request brought; it keeps nothing safe. Between
/// processes, and where one is frozen, the writer's number does that.
/// </summary>
internal sealed class UploadLocks
{
    private readonly Dictionary<string, Place> places = new(StringComparer.Ordinal);

    /// <summary>Null when the request that has it has not left within the given time.</summary>
    public async Task<Held?> EnterAsync(string id, TimeSpan patience, CancellationToken cancel)
    {
        Place place;
        CancellationTokenSource? holder;
        lock (places)
        {
            if (!places.TryGetValue(id, out place!)) places[id] = place = new Place();
            place.Users++;
            holder = place.Holder;
        }

        var entered = false;
        try
        {
            if (holder is not null) await holder.CancelAsync();
            entered = await place.Free.WaitAsync(patience, cancel);
        }
        catch (ObjectDisposedException)
        {
            // It has just left.
            entered = await place.Free.WaitAsync(patience, cancel);
        }
        finally
        {
            if (!entered) Leave(id, place);
        }

        if (!entered) return null;
        var interrupt = new CancellationTokenSource();
        lock (places) place.Holder = interrupt;
        return new Held(this, id, place, interrupt);
    }

    private void Leave(string id, Place place)
    {
        lock (places)
        {
            if (--place.Users == 0) places.Remove(id);
        }
    }

    internal sealed class Held(UploadLocks locks, string id, Place place, CancellationTokenSource interrupt) : IDisposable
    {
        /// <summary>Somebody else waits.</summary>
        public CancellationToken Interrupted => interrupt.Token;

        public void Dispose()
        {
            lock (locks.places) place.Holder = null;
            interrupt.Dispose();
            place.Free.Release();
            locks.Leave(id, place);
        }
    }

    internal sealed class Place
    {
        public SemaphoreSlim Free { get; } = new(1, 1);
        public CancellationTokenSource? Holder { get; set; }
        public int Users { get; set; }
    }
}
