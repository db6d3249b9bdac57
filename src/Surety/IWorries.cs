namespace Surety;

/// <summary>
/// A part of the host that knows what a person should look at though the host works: <see cref="SuretyHealth.Degraded"/> shows it. A
/// package that is not there is not asked, and nobody has to know which ones there are.
/// </summary>
internal interface IWorries
{
    /// <summary>Each a sentence; empty when there is nothing.</summary>
    IEnumerable<string> Worries { get; }
}
