namespace Surety.Storage;

/// <summary>Names one run of one process. Never reused, so a node that was presumed dead cannot come back as itself.</summary>
/// <param name="Value">The store's own number; positive.</param>
internal readonly record struct NodeId(long Value)
{
    /// <summary>The decimal number.</summary>
    public override string ToString() => Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>
/// Who works on this store. A node holds its claims for as long as its lease is renewed: one row a node and heartbeat, however much it
/// holds.
/// </summary>
internal interface INodeStore
{
    /// <summary>
    /// Joins the workers under a new id, with a lease from now. On a store that lets one process work at a time, the first join of a
    /// process presumes every earlier process's node dead.
    /// </summary>
    /// <param name="name">For people: host name and process id; at most 200 characters.</param>
    /// <param name="lease">How long the node counts as alive without a heartbeat.</param>
    /// <param name="cancel">Gives up before the change is sent.</param>
    /// <returns>The id; null when this store lets one process work at a time and another one does: ask again later.</returns>
    ValueTask<NodeId?> JoinAsync(string name, TimeSpan lease, CancellationToken cancel);

    /// <summary>Renews the lease.</summary>
    /// <returns>False when the node was presumed dead: its claims are gone, and it must join anew.</returns>
    ValueTask<bool> HeartbeatAsync(NodeId node, TimeSpan lease, CancellationToken cancel);

    /// <summary>Leaves. What the node still holds is rescued as if it had died, except that no death is counted.</summary>
    ValueTask LeaveAsync(NodeId node, CancellationToken cancel);
}
