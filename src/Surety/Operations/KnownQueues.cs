using Surety.Intake;

namespace Surety.Operations;

/// <summary>
/// A store's queues, guarded against a mistyped name: the store would keep a pause of any name, and a pause of a queue that does not exist
/// stops nothing.
/// </summary>
/// <param name="stored">The store's.</param>
/// <param name="own">The names of the queues that this host knows.</param>
internal sealed class KnownQueues(IQueues stored, IEnumerable<string> own) : IQueues
{
    private const int MostNamed = 10;

    public ValueTask<IReadOnlyList<QueueInfo>> ListAsync(CancellationToken cancellationToken = default) =>
        stored.ListAsync(cancellationToken);

    public async ValueTask PauseAsync(string queue, string reason, CancellationToken cancellationToken = default)
    {
        await ThrowIfUnknownAsync(queue, cancellationToken);
        await stored.PauseAsync(queue, reason, cancellationToken);
    }

    public async ValueTask ResumeAsync(string queue, CancellationToken cancellationToken = default)
    {
        await ThrowIfUnknownAsync(queue, cancellationToken);
        await stored.ResumeAsync(queue, cancellationToken);
    }

    private async ValueTask ThrowIfUnknownAsync(string queue, CancellationToken cancel)
    {
        Names.ThrowIfNoName(queue);
        // The store's list counts messages, which is the price of a queue that only other hosts work.
        string[] known = [MessageTypes.DefaultQueue, .. own];
        if (known.Contains(queue)) return;
        known = [.. known.Concat((await stored.ListAsync(cancel)).Select(q => q.Queue)).Distinct().Order(StringComparer.Ordinal)];
        if (!known.Contains(queue)) throw new ArgumentException(Refusal(queue, known), nameof(queue));
    }

    private static string Refusal(string queue, string[] known)
    {
        var near = NearNames.Of(queue, known);
        var hint = near.Count > 0 ? $"Did you mean {Quoted(near, " or ")}?"
            : $"There are {Quoted(known.Take(MostNamed), ", ")}"
                + $"{(known.Length > MostNamed ? $" and {known.Length - MostNamed} more" : "")}.";
        return $"There is no queue \"{queue}\": this host knows none, and the store has never seen one. {hint} "
            + "A queue that no message has been sent to yet is made known with SuretyBuilder.Queue.";
    }

    private static string Quoted(IEnumerable<string> names, string between) => string.Join(between, names.Select(n => $"\"{n}\""));
}
