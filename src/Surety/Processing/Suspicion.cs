using Surety.Storage;

namespace Surety.Processing;

/// <summary>What a message's deaths mean for its next run.</summary>
internal enum Standing
{
    /// <summary>No process has died while it was held.</summary>
    Free,

    /// <summary>
    /// It was there when a process died, as others were: its start is noted, so that it is blamed again only if it has really started.
    /// </summary>
    Suspect,

    /// <summary>One more death would end it. It runs while nothing else does, so that this death is certainly its own.</summary>
    Alone,

    /// <summary>It killed its process while nothing else ran: it is given up.</summary>
    GivenUp,
}

/// <summary>Tells the guilty from the bystanders. Pure.</summary>
internal static class Suspicion
{
    /// <param name="message">The message.</param>
    /// <param name="maxDeaths">After how many deaths it is given up, if it ran alone at the last one.</param>
    public static Standing Of(ClaimedMessage message, int maxDeaths) => message.Deaths switch
    {
        0 => Standing.Free,
        var deaths when deaths >= maxDeaths && message.DiedAlone => Standing.GivenUp,
        var deaths when deaths >= maxDeaths - 1 => Standing.Alone,
        _ => Standing.Suspect,
    };
}

/// <summary>
/// When the next message may run alone on this node, and how long the others may be kept waiting for it. Pure. A turn of a length is
/// followed by at least as much time for the others, so that all turns together take at most half of the node's time. A turn begins when
/// new work has to wait, so what it takes until the running handlers are done counts, too.
/// </summary>
/// <param name="Rest">How long the others go on before the next turn.</param>
/// <param name="Patience">
/// How long the next turn waits for the running handlers: short at first, because work that could start stands still meanwhile; longer each
/// time that it was too short.
/// </param>
internal readonly record struct LonePace(TimeSpan Rest, TimeSpan Patience)
{
    private static readonly TimeSpan LongestPatience = TimeSpan.FromDays(1);

    public static LonePace First { get; } = new(TimeSpan.Zero, TimeSpan.FromSeconds(1));

    /// <param name="turn">How long the turn took.</param>
    /// <param name="wasQuiet">Whether the message came to run; false when other handlers ran for longer than the patience.</param>
    public LonePace After(TimeSpan turn, bool wasQuiet) =>
        new(turn, wasQuiet ? First.Patience : Patience < LongestPatience / 2 ? Patience * 2 : LongestPatience);
}
