namespace Surety.Rigs.Storm;

/// <summary>One round: many clients, one command, one key.</summary>
/// <param name="Command">What all of them asked.</param>
/// <param name="Answers">What each was told in the end.</param>
/// <param name="Stuck">Who got no certain answer.</param>
internal sealed record Round(Command Command, IReadOnlyList<Answer> Answers, IReadOnlyList<string> Stuck);

/// <summary>Whether one key gave one effect and one answer. Pure.</summary>
internal static class StormAccounting
{
    public static IEnumerable<string> Faults(Round round, IReadOnlyCollection<Entry> entries)
    {
        var name = $"{round.Command.Kind} {round.Command.Reference}";
        foreach (var stuck in round.Stuck) yield return stuck;
        foreach (var refused in round.Answers.Where(a => !a.Accepted).Take(1))
            yield return $"{name} was refused: {refused.Status} {refused.Body}";
        var different = round.Answers.Select(a => (a.Status, a.Body)).Distinct().Count();
        if (different > 1) yield return $"{name} was answered in {different} ways.";
        var first = round.Answers.Count(a => !a.Replayed);
        if (first > 1) yield return $"{name} was carried out for {first} clients.";

        var effects = Effects(round.Command, entries);
        if (effects != 1) yield return $"{name} took effect {effects} times.";
    }

    public static int Effects(Command command, IEnumerable<Entry> entries)
    {
        var kind = command.Kind switch { CommandKind.Deposit => "deposit", CommandKind.Transfer => "transfer", _ => "hold" };
        return entries.Count(e => e.Reference == command.Reference && e.Kind == kind && e.Account == command.Account);
    }
}
