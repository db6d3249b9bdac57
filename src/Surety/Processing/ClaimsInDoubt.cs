using Surety.Storage;

namespace Surety.Processing;

/// <summary>
/// After a claim whose answer was lost, a node may hold messages it does not know of, and nobody else would run them while it lives. They
/// are handed back, again and again for a minute because such a claim may be stored late; what the node does know of goes on undisturbed.
/// Used by the claiming loop alone, between its claims.
/// </summary>
internal sealed class ClaimsInDoubt(IMessageStore store, Settler settler, TimeProvider time)
{
    private static readonly TimeSpan Late = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(2);

    // Claiming goes on while the settler is busy; what it is at is known, and will be settled by the next turn.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    private readonly HashSet<Claim> known = [];
    private bool any;
    private bool gathering;
    private Task settled = Task.CompletedTask;
    private long began;
    private long last;

    /// <summary>A claim's answer was lost.</summary>
    public void Begin()
    {
        began = time.GetTimestamp();
        last = 0;
        // What is known from before may be without what was settled since, but is never too little.
        any = true;
    }

    /// <summary>The node is another one, which holds nothing.</summary>
    public void End()
    {
        (any, gathering) = (false, false);
        known.Clear();
    }

    /// <summary>These came in an answer.</summary>
    public void Know(IReadOnlyList<ClaimedMessage> claimed)
    {
        if (!gathering) return;
        foreach (var message in claimed) known.Add(message.Claim);
    }

    /// <summary>Hands back what there is, when it is time and everything that left the lanes before has been settled.</summary>
    public async ValueTask ResolveAsync(NodeId node, IReadOnlyList<Lane> lanes, Solitary solitary, CancellationToken cancel)
    {
        if (!any) return;
        if (!gathering)
        {
            if (last != 0 && time.GetElapsedTime(last) < Again) return;
            foreach (var lane in lanes) lane.AddHeld(known);
            solitary.AddHeld(known);
            settled = settler.StoredAsync(cancel);
            gathering = true;
        }

        if (!settled.IsCompleted) await Task.WhenAny(settled, Task.Delay(Patience, time, cancel));
        if (!settled.IsCompleted) return;
        await settled;
        settler.AddSetAside(known);
        await store.HandBackAsync(node, known, cancel);
        gathering = false;
        known.Clear();
        last = time.GetTimestamp();
        any = time.GetElapsedTime(began) < Late;
    }
}
