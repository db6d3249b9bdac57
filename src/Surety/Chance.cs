namespace Surety;

/// <summary>Where randomness comes from, so that a test can say what comes. Safe for concurrent use if its source is.</summary>
internal sealed class Chance(Func<double> next)
{
#pragma warning disable RS0030 // The one place that knows the process's own randomness.
    public static Chance OfProcess { get; } = new(Random.Shared.NextDouble);
#pragma warning restore RS0030

    /// <summary>A number in [0, 1).</summary>
    public double Next() => next();
}
