namespace Surety.Postgres.Wakeups;

/// <summary>
/// Decides where a node looks for messages, when, and how many it asks for, from what its looks have found and what it was told. Pure: each
/// call answers with the next state. Instants are those of the caller's clock, counted from any zero.
/// </summary>
internal sealed record ClaimPlanner
{
    /// <summary>How often a node looks that has found nothing for a while: calls get lost, the tables do not.</summary>
    public static readonly TimeSpan Rare = TimeSpan.FromSeconds(2);

    /// <summary>For how long after a look that found something a node looks more often than that.</summary>
    public static readonly TimeSpan Recent = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How soon a node whose turn it is looks again after it had work, and how slow this becomes while looks find nothing. A call from
    /// another process takes longer than the first of these looks.
    /// </summary>
    public static readonly TimeSpan First = TimeSpan.FromMilliseconds(2);
    public static readonly TimeSpan Last = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// When a node looks that has overheard a call for another one: a node that was called and is dead must cost time only. Longer after
    /// looks that found nothing, which is the rule.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);
    public static readonly TimeSpan MostPatience = TimeSpan.FromMilliseconds(400);

    /// <summary>
    /// How long a node lets messages gather when the last look brought all there was: one that looks again at once gets very few. After
    /// many messages it waits longer, because the cost of a claim then matters more. Several nodes that all look, because each finds many
    /// or what it has committed itself, wait as many times as long: together they ask as often as one.
    /// </summary>
    public static readonly TimeSpan GatherFew = TimeSpan.FromMilliseconds(1);
    public static readonly TimeSpan GatherMany = TimeSpan.FromMilliseconds(5);
    public const int Many = 50;
    private const int MostNodes = 4;

    /// <summary>
    /// For how long the oldest segment that had something is taken for the oldest: so long a message of a slow transaction may wait.
    /// </summary>
    public static readonly TimeSpan Narrow = TimeSpan.FromMilliseconds(100);

    // How many claims of a busy node share one look at what has arrived and become due. Not all of them: a backlog of one sort would hold
    // up for ever what becomes due, what has a place to take, and the other sort.
    private const int LookAroundEvery = 8;

    // One claim's answer stays within what a connection's buffers hold.
    private const int AnswerBytes = 64 * 1024;
    private const int LeastBytes = 8 * 1024;
    private const int LeastRows = 8;
    private const int MostRows = AnswerBytes / RowBytes;

    /// <summary>What a message takes in an answer besides its body.</summary>
    public const int RowBytes = 100;

    public static ClaimPlanner New { get; } = new();

    // Where.
    private int Turn { get; init; }
    private bool PlainFound { get; init; }
    /// <summary>Whether the table of the other messages had some when it was last asked.</summary>
    public bool OtherFound { get; private init; }
    private OldestSegment? Oldest { get; init; }

    // How many.
    private int Fitting { get; init; } = 256;

    // When.
    private int Nodes { get; init; } = 1;
    private bool IsDeaf { get; init; }
    private TimeSpan? TurnSince { get; init; }
    private bool IsCalled { get; init; }
    private TimeSpan? Overheard { get; init; }
    private long SeenOwn { get; init; }
    private bool WasTold { get; init; }
    private bool WasCalled { get; init; }
    private TimeSpan Ended { get; init; } = -Rare;
    private TimeSpan Found { get; init; } = -Rare;
    private TimeSpan Gather { get; init; }
    private bool LeftSome { get; init; }
    private bool FoundMany { get; init; }
    private bool Pays { get; init; }
    private TimeSpan Next { get; init; } = First;
    private TimeSpan Wait { get; init; } = Patience;
    private TimeSpan? DueAt { get; init; }

    /// <summary>Whether the last look left messages behind because it was given as many as it could take.</summary>
    public bool HasLeftSome => LeftSome;

    /// <summary>How many nodes share the work.</summary>
    public ClaimPlanner Among(int nodes) => nodes == Nodes ? this : this with { Nodes = nodes };

    /// <summary>This node hears no calls, and so looks as one that is alone.</summary>
    public ClaimPlanner Deaf() => this with { IsDeaf = true };

    /// <summary>Another process has committed messages, and one node is called to look.</summary>
    /// <param name="isForUs">Whether it is this one.</param>
    /// <param name="now">When this was heard.</param>
    public ClaimPlanner Heard(bool isForUs, TimeSpan now) => isForUs
        ? this with { TurnSince = now, IsCalled = true }
        : this with { TurnSince = null, Overheard = Overheard ?? now };

    /// <summary>
    /// This process has called a node to look. It knows already of what it committed itself; what is new is whose turn it is.
    /// </summary>
    public ClaimPlanner HeardSelf(bool isForUs, TimeSpan now) => this with { TurnSince = isForUs ? now : null };

    /// <summary>Something of the sort that is not plain may be claimable now: the next look looks around.</summary>
    public ClaimPlanner Made() => PlainFound || OtherFound ? this with { PlainFound = false, OtherFound = false } : this;

    /// <summary>A look begins.</summary>
    /// <param name="own">How many commits of this process have brought messages so far.</param>
    public ClaimPlanner Begin(long own) => this with
    {
        Turn = Turn + 1,
        WasTold = own != SeenOwn,
        SeenOwn = own,
        WasCalled = IsCalled,
        IsCalled = false,
        Overheard = null,
        LeftSome = false,
        Gather = TimeSpan.Zero,
    };

    /// <summary>
    /// Where a look that has begun looks first. While claims find something, most of them do not look around, and take the two sorts in
    /// turns.
    /// </summary>
    public LookFirst Where() =>
        Turn % LookAroundEvery == 0 || !(PlainFound || OtherFound) ? LookFirst.Around
        : PlainFound && (!OtherFound || Turn % 2 == 0) ? LookFirst.Plain
        : LookFirst.Other;

    /// <summary>The oldest segment that is known to have something for all of these queues, or -1.</summary>
    public int OldestFor(IReadOnlyCollection<string> queues, TimeSpan now) =>
        Oldest is { } known && now - known.At <= Narrow && queues.All(known.Queues.Contains) ? known.Segment : -1;

    /// <summary>How much of this many queues one claim asks for, each.</summary>
    public (int Rows, int Bytes) Most(int queues) => (Fitting, Math.Max(LeastBytes, AnswerBytes / queues));

    /// <summary>
    /// What a claim from segments found. That segments older than the newest but one have nothing is believed for a moment, so that not
    /// every claim has to read the indexes of all four: those get messages only from transactions that began before the newest was that. A
    /// claim that found nothing says nothing: what there was is paused, withdrawn or another node's by now, and must not hide what is in
    /// other segments.
    /// </summary>
    public ClaimPlanner FoundInSegments(SegmentLook look)
    {
        var oldest = look.Oldest is { } found && found == look.Asked ? Oldest
            : look.Oldest is { } segment and < SegmentLook.Several ? new OldestSegment(segment, look.Began, look.Queues)
            : null;
        // As many as fit one answer, by the size last seen: asking for more would make the server fetch what it then leaves behind.
        var fitting = look.Count == 0 ? Fitting
            : Math.Clamp((int)(look.BytesAsked * 1.1 / (RowBytes + (look.BodyBytes / (double)look.Count))), LeastRows, MostRows);
        return this with { Oldest = oldest, Fitting = fitting };
    }

    /// <summary>A look has ended.</summary>
    public ClaimPlanner End(Look look, TimeSpan now)
    {
        var (count, leftSome) = (look.Count, look.Count > 0 && !look.IsAll);
        var pays = WasTold ? Pays : count > 0;
        return this with
        {
            PlainFound = look.Plain ?? PlainFound,
            OtherFound = look.Other ?? OtherFound,
            LeftSome = leftSome,
            FoundMany = leftSome || count >= Many,
            Gather = leftSome ? TimeSpan.Zero : GatherAfter(count),
            Pays = pays,
            Ended = now,
            Found = count > 0 ? now : Found,
            Next = count == 0 ? Longer(Next, Last) : pays ? First : Next,
            Wait = count == 0 ? Longer(Wait, MostPatience) : Patience,
            DueAt = look.IsAround ? now + look.Due : DueAt,
        };
    }

    /// <summary>How long messages gather before the next look, when the last one took all there was.</summary>
    private TimeSpan GatherAfter(int count)
    {
        // Where another node has taken what this process has committed, the next that it commits may gather, too.
        if (count == 0 && (HasTurn || !WasTold)) return TimeSpan.Zero;
        return count < Many ? GatherFew * (HasTurn ? 1 : Sharers) : GatherMany * Sharers;
    }

    /// <summary>Twice the pause after a look for nothing that nobody had asked for.</summary>
    private TimeSpan Longer(TimeSpan pause, TimeSpan most) => WasTold || WasCalled ? pause : Least(pause * 2, most);

    /// <summary>Before this no look is worth its cost, whatever is told.</summary>
    public TimeSpan Earliest => Ended + Gather;

    /// <summary>When to look next, as far as is known now.</summary>
    /// <param name="own">How many commits of this process have brought messages so far.</param>
    public TimeSpan NextLook(long own)
    {
        if (LeftSome || IsCalled || own != SeenOwn) return Earliest;
        // A node that had work a moment ago looks once more soon, for what that look was not asked to see.
        var next = Ended + (Ended - Found < Recent ? MostPatience : Rare);
        if (Ended - Found < Recent && (HasTurn || FoundMany)) next = Gather > TimeSpan.Zero && Pays ? Earliest : Earliest + Next;
        // From when it was heard: after a long silence all nodes would come at once.
        else if (Overheard is { } heard) next = Least(next, Greatest(Earliest, heard + Wait));
        // A hair late rather than a hair early, which would cost another look.
        if (DueAt is { } due) next = Least(next, Greatest(Earliest, due + TimeSpan.FromMilliseconds(1)));
        return next;
    }

    /// <summary>
    /// Whether everything that this process committed was there for a look to take, and the look could take it: no other node is needed.
    /// </summary>
    /// <param name="own">How many commits of this process have brought messages so far.</param>
    public bool NeedsNobodyElse(long own) => own == SeenOwn && !LeftSome;

    private int Sharers => Math.Clamp(Nodes, 1, MostNodes);

    // A turn that nobody has given away is over some time after its last call: where each node finds what it committed itself, nobody is
    // called, and all would ask for the others' messages.
    private bool HasTurn => Nodes <= 1 || IsDeaf || (TurnSince is { } since && Ended - since < Recent);

    private static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static TimeSpan Greatest(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private sealed record OldestSegment(int Segment, TimeSpan At, IReadOnlyCollection<string> Queues);
}

/// <summary>Where a look looks first.</summary>
internal enum LookFirst
{
    /// <summary>Around: is the node alive, what has arrived, what is due. Then into both.</summary>
    Around,

    /// <summary>Into the segments.</summary>
    Plain,

    /// <summary>Into the table of the other messages.</summary>
    Other,
}

/// <summary>What a whole look found.</summary>
/// <param name="Count">How many messages.</param>
/// <param name="IsAll">Whether that was all there was.</param>
internal readonly record struct Look(int Count, bool IsAll)
{
    /// <summary>Whether the segments had some; null when they were not asked.</summary>
    public bool? Plain { get; init; }

    /// <summary>Whether the table of the other messages had some; null when it was not asked.</summary>
    public bool? Other { get; init; }

    /// <summary>Whether it looked around, and so knows <see cref="Due"/>.</summary>
    public bool IsAround { get; init; }

    /// <summary>How long until the next scheduled message is due; null when there is none.</summary>
    public TimeSpan? Due { get; init; }
}

/// <summary>What a claim from segments found.</summary>
/// <param name="Queues">Where it looked.</param>
/// <param name="Asked">The one older segment that it was told to look at; -1 for all.</param>
/// <param name="Began">When it was sent.</param>
/// <param name="BytesAsked">How much it was to answer with.</param>
internal sealed record SegmentLook(IReadOnlyCollection<string> Queues, int Asked, TimeSpan Began, int BytesAsked)
{
    /// <summary>In place of a segment's number.</summary>
    public const int Several = 4;

    /// <summary>How many messages.</summary>
    public int Count { get; init; }

    /// <summary>Their bodies together.</summary>
    public long BodyBytes { get; init; }

    /// <summary>
    /// The oldest segment that had something, when only it and the newest had; else <see cref="Several"/>; null when the claim brought
    /// nothing.
    /// </summary>
    public int? Oldest { get; init; }
}
