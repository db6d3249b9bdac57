namespace Surety.Bench.Measuring;

/// <summary>The rounds of one contender: what it did a second, and what that cost.</summary>
internal sealed record Series(double Median, double Least, double Most, double CpuMicroseconds = 0, double AllocatedBytes = 0)
{
    public static Series Of(IReadOnlyList<Sample> samples) => new(
        MedianOf(samples.Select(s => s.Rate)), samples.Min(s => s.Rate), samples.Max(
            s => s.Rate), MedianOf(samples.Select(s => s.CpuMicroseconds)), MedianOf(samples.Select(s => s.AllocatedBytes)));

    public static double MedianOf(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>One round: units a second; processor time and allocations a unit.</summary>
internal readonly record struct Sample(double Rate, double CpuMicroseconds, double AllocatedBytes);

/// <summary>Two contenders side by side. Each round's ratio is Surety's rate by the other's in the same round.</summary>
internal sealed record Comparison(
    string Name, string Unit, Series Hand, Series Surety, IReadOnlyList<double> Ratios, double? Target, string Note)
{
    public double Ratio => Series.MedianOf(Ratios);

    /// <summary>Best round by best round.</summary>
    public double BestRatio => Surety.Most / Hand.Most;
}
