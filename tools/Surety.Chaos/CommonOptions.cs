using System.CommandLine;
using System.Globalization;
using Surety.Rigs;

namespace Surety.Chaos;

/// <summary>What every run against the samples can be told.</summary>
internal sealed class CommonOptions
{
    public Option<int> Seed { get; } = new("--seed")
    {
        Description =
            "Decides every random choice of the run: commands, amounts, moments. The moments themselves still depend on the machine.",
        DefaultValueFactory = _ => Random.Shared.Next(1, 1_000_000),
    };

    public Option<FileInfo?> Payments { get; } = new("--payments")
    {
        Description = "Payments.dll to run; by default the one built in this checkout.",
    };

    public Option<FileInfo?> Provider { get; } = new("--provider")
    {
        Description = "Provider.dll to run; by default the one built in this checkout.",
    };

    public Option<string> Store { get; } = new Option<string>(
        "--store") { Description =
        "Where the backend keeps its books. For postgres a private server is started; PostgreSQL has to be installed.",
        DefaultValueFactory = _ => RigOptions.Sqlite }
        .AcceptOnlyFromAmong(RigOptions.Sqlite, RigOptions.Postgres);

    public Option<int> Nodes { get; } = Number(
        "--nodes", "How many nodes work on the one database, one of which is killed at a time; more than one needs --store postgres.",
        1, 1, RigOptions.MostNodes);

    public Option<bool> Pooled { get; } = new("--pgbouncer")
    {
        Description =
            "The nodes reach PostgreSQL through PgBouncer in transaction mode; needs --store postgres, and PgBouncer has to be installed.",
    };

    public Option<bool> Keep { get; } = new("--keep")
    {
        Description = "Keep the databases of the run. They are always kept when a promise was broken.",
    };

    public void AddTo(System.CommandLine.Command command)
    {
        command.Options.Add(Seed);
        command.Options.Add(Payments);
        command.Options.Add(Provider);
        command.Options.Add(Store);
        command.Options.Add(Nodes);
        command.Options.Add(Pooled);
        command.Options.Add(Keep);
    }

    public Programs Programs(ParseResult parsed) =>
        Rigs.Programs.Find(parsed.GetValue(Payments)?.FullName, parsed.GetValue(Provider)?.FullName);

    public RigOptions Rig(ParseResult parsed) => new(parsed.GetValue(Store)!, parsed.GetValue(Nodes), Pooled: parsed.GetValue(Pooled));

    public static Option<int> Number(string name, string description, int value, int least, int most)
    {
        var option = new Option<int>(name) { Description = $"{description} {least} to {most}.", DefaultValueFactory = _ => value };
        option.CustomParser = result =>
        {
            var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var given) && given >= least && given <= most)
                return given;
            result.AddError($"{name} is \"{text}\"; it must be {least} to {most}.");
            return value;
        };
        return option;
    }
}
