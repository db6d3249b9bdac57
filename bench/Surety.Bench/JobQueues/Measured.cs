namespace Surety.Bench.JobQueues;

/// <summary>One contender in one round of a cell. What it cost is a job's share.</summary>
internal sealed record Measured
{
    /// <summary>Jobs a second.</summary>
    public required double Rate { get; init; }

    /// <summary>Bytes of write-ahead log.</summary>
    public double Wal { get; init; }

    /// <summary>Commits of every kind, reading ones included.</summary>
    public double Commits { get; init; }

    /// <summary>Commits that wrote.</summary>
    public double Writes { get; init; }

    /// <summary>Statements; NaN when they were not counted.</summary>
    public double Statements { get; init; } = double.NaN;

    /// <summary>Microseconds of processor time: of the contender's processes, and of the server's.</summary>
    public double ClientMicroseconds { get; init; }

    public double ServerMicroseconds { get; init; }

    /// <summary>Milliseconds from the enqueue to the handler's start; NaN where that is not the question.</summary>
    public double P50 { get; init; } = double.NaN;

    public double P99 { get; init; } = double.NaN;

    /// <summary>The workers' transactions a second, without the enqueues; NaN where that is not the question.</summary>
    public double Transactions { get; init; } = double.NaN;
}

/// <summary>All rounds of one contender in one cell.</summary>
internal sealed record Row(string Contender, IReadOnlyList<Measured> Rounds)
{
    public double Median(Func<Measured, double> of) => Measuring.Series.MedianOf(Rounds.Select(of));
}

/// <summary>One workload, every contender in turns.</summary>
/// <param name="Name">Which workload.</param>
/// <param name="Nodes">How many worker processes; 0 where none works.</param>
/// <param name="Load">The load average at its end.</param>
/// <param name="Rows">The contenders.</param>
internal sealed record Cell(string Name, int Nodes, string Load, IReadOnlyList<Row> Rows)
{
    /// <summary>The median of the rounds' own ratios.</summary>
    public double? Ratio(string contender, string to)
    {
        var (one, other) = (Rows.FirstOrDefault(r => r.Contender == contender), Rows.FirstOrDefault(r => r.Contender == to));
        return one is null || other is null ? null : Measuring.Series.MedianOf(one.Rounds.Zip(other.Rounds, (a, b) => a.Rate / b.Rate));
    }
}
