namespace Surety.Postgres.Wakeups;

/// <summary>
/// A node's place among the live nodes, as its last heartbeat knew it. Nodes may disagree until the next one: then a call is for two of
/// them, or for none, which costs a look or some time.
/// </summary>
/// <param name="Place">From 0.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct NodeRank(int Place, int Count)
{
    public static NodeRank Alone { get; } = new(0, 1);

    /// <summary>The number that the next node is called by.</summary>
    public long Next => (Place + 1) % Count;

    /// <summary>Whether a call of this number is for this node.</summary>
    public bool IsFor(long number) => number % Count == Place;
}
