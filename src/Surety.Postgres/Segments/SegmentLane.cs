using Surety.Postgres.Segments.Sql;

namespace Surety.Postgres.Segments;

/// <summary>
/// Where a claimed message was, as one number, which the server says with every message. docs/segments.md has its layout; only
/// <c>claim_messages</c> makes it and only this reads it.
/// </summary>
/// <param name="Value">As <c>claim_messages</c> puts it together.</param>
internal readonly record struct SegmentLane(int Value)
{
    private const int Priorities = 3;

    /// <summary>How many lanes a queue has, and so how many claim numbers it may use in one call.</summary>
    public const int Count = Priorities * SegmentSql.Segments;

    /// <summary>Which claim of those that the call may make; counted on from the call's first number.</summary>
    public int Number => Value / 8;

    /// <summary>Of the call's queues, from 0.</summary>
    public int Place => Number / Count;

    public int Priority => Number % Count / SegmentSql.Segments;

    public int Segment => Number % SegmentSql.Segments;

    /// <summary>The oldest segment with something, when no other but the newest had; else <see cref="SegmentSql.Segments"/>.</summary>
    public int Oldest => Value % 8;
}
