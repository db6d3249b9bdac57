using System.Globalization;

namespace Surety.Bench.JobQueues;

/// <summary>What the command line asks for.</summary>
internal sealed record Settings
{
    public const string Usage =
        "Surety.Bench queue [--quick] [--only=CELL,…] [--against=CONTENDER,…] [--nodes=1,2,4] [--rounds=3] [--seconds=6] [--keep]";

    public bool Quick { get; private init; }

    /// <summary>Parts of the names of the cells to run; empty for all.</summary>
    public IReadOnlyList<string> Only { get; private init; } = [];

    public IReadOnlyList<string> Against { get; private init; } = Contender.All;
    public IReadOnlyList<int> Nodes { get; private init; } = [1, 2, 4];
    public int Rounds { get; private init; } = 3;
    public int Seconds { get; private init; } = 6;

    /// <summary>Whether the cells of a partial run go into the day's results, in place of those of the same name.</summary>
    public bool Keep { get; private init; }

    /// <summary>Whether this is the whole benchmark, and so worth keeping.</summary>
    public bool IsWhole { get; private init; } = true;

    /// <summary>Throws an <see cref="FormatException"/> when it makes no sense.</summary>
    public static Settings Parse(IEnumerable<string> arguments)
    {
        var settings = new Settings();
        foreach (var argument in arguments)
        {
            var parts = argument.Split('=', 2);
            settings = (parts[0], parts.Length == 2 ? parts[1] : null) switch
            {
                ("--quick", null) => settings with { Quick = true, Rounds = 1, Seconds = 1, Nodes = [1], IsWhole = false },
                ("--keep", null) => settings with { Keep = true },
                ("--only", { } value) => settings with { Only = value.Split(','), IsWhole = false },
                ("--against", { } value) => settings with
                {
                    Against = value.Split(',').Select(n => Contender.All.Contains(n) ? n : throw new FormatException(
                        $"No contender is called \"{n}\". There are: {string.Join(", ", Contender.All)}.")).ToList(), IsWhole = false,
                },
                ("--nodes", { } value) => settings with { Nodes = [.. value.Split(',').Select(Number)], IsWhole = false },
                ("--rounds", { } value) => settings with { Rounds = Number(value) },
                ("--seconds", { } value) => settings with { Seconds = Number(value) },
                _ => throw new FormatException($"\"{argument}\" is not understood."),
            };
        }

        return settings;
    }

    public bool Wants(string cell) => Only.Count == 0 || Only.Any(o => cell.Contains(o, StringComparison.OrdinalIgnoreCase));

    private static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number > 0 ? number : throw new FormatException($"\"{text}\" is not a positive number.");
}
