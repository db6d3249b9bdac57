namespace Surety.Coordination;

/// <summary>
/// Work that goes round as long as the host lives. The <see cref="Supervisor"/> keeps every loop turning, and health names one that does
/// not. A loop that runs from the host's start to its end is added by registering it as this.
/// </summary>
internal interface ILoop
{
    /// <summary>For people.</summary>
    string Name { get; }

    /// <summary>How long the loop may rest between two turns when all is well.</summary>
    TimeSpan LongestRest { get; }

    /// <summary>Whether a host whose loop stands still is fit for its work all the same. A person should look at it then.</summary>
    bool CanWait => false;

    /// <summary>Goes round until cancelled.</summary>
    /// <param name="turned">To be called whenever the loop has turned: it did something, or found nothing to do, and did not fail.</param>
    /// <param name="cancel">Ends the loop.</param>
    Task RunAsync(Action turned, CancellationToken cancel);
}

/// <summary>A loop that is a method of something larger.</summary>
internal sealed class Loop(string name, TimeSpan longestRest, Func<Action, CancellationToken, Task> run) : ILoop
{
    public string Name => name;

    public TimeSpan LongestRest => longestRest;

    public Task RunAsync(Action turned, CancellationToken cancel) => run(turned, cancel);
}
