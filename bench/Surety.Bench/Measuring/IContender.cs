namespace Surety.Bench.Measuring;

/// <summary>One way to do the same work, on a database file of its own.</summary>
internal interface IContender : IAsyncDisposable
{
    /// <summary>The part that is timed.</summary>
    Task RunAsync(int count);

    /// <summary>Throws unless the work was really done.</summary>
    Task CheckAsync(int count);
}
