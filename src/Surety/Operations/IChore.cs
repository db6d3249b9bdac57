namespace Surety.Operations;

/// <summary>
/// Something slow that has to be done now and then, by every node: the store's statements make it harmless that several do. A chore is
/// added by registering it as this; <see cref="Upkeep"/> does those that are due, in the order of their registration.
/// </summary>
internal interface IChore
{
    /// <summary>How long after it was begun it is due again; zero for every turn of the upkeep.</summary>
    TimeSpan Every { get; }

    /// <summary>Whether only a process that has joined as a node does it.</summary>
    bool IsForNodes => true;

    Task DoAsync(CancellationToken cancel);
}
