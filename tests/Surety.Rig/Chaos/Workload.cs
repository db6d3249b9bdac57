using System.Globalization;

namespace Surety.Rigs.Chaos;

/// <summary>What one client asks for, decided by the seed alone.</summary>
internal sealed class Workload(int seed, int client, IReadOnlyList<string> accounts)
{
    private readonly Random random = new(unchecked((seed * 397) ^ (client * 7919)));
    private int next;

    public TimeSpan Pause() => TimeSpan.FromMilliseconds(random.Next(30));

    public Command Next()
    {
        var reference = string.Create(CultureInfo.InvariantCulture, $"c{client}-{next++}");
        var from = accounts[random.Next(accounts.Count)];
        var to = accounts.Where(a => a != from).ElementAt(random.Next(accounts.Count - 1));
        var amount = random.Next(1, 1000);
        return random.Next(100) switch
        {
            < 35 => new Command(CommandKind.Deposit, reference, from, null, amount),
            < 75 => new Command(CommandKind.Transfer, reference, from, to, amount),
            < 97 => new Command(CommandKind.Payout, reference, from, null, amount),
            // The provider refuses such destinations for good: the payout dies, and its money has to come back.
            _ => new Command(CommandKind.Payout, $"closed-{reference}", from, null, amount),
        };
    }
}
