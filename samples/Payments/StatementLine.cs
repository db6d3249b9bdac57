using System.Text;

namespace Payments;

/// <summary>What a line of a statement asks for, or why it asks for nothing. Pure.</summary>
public sealed record StatementLine(long Number, Movement? Movement, Refusal? Refusal)
{
    private const int MostReference = 140;

    public static StatementLine Read(Line line)
    {
        if (line.Text is not { } text) return Bad($"A line has at most {LineReader.MostBytes} bytes of UTF-8.");
        if (Fields(text) is not [var reference, var from, var to, var amount]) return Bad("A line is reference,from,to,amount.");
        if (reference.Length is 0 or > MostReference || reference.Contains('\0', StringComparison.Ordinal))
            return Bad($"reference must have 1 to {MostReference} characters, none of them U+0000.");
        var (sum, payer, payee) = (Ids.Parse(amount), Ids.Parse(from), Ids.Parse(to));
        if (sum is < 1 or > AmountAttribute.Most) return Bad("amount must be a whole number of minor units, 1 or more.");
        if (payer == 0) return new StatementLine(line.Number, null, Refusal.NoAccount(from));
        if (payee == 0) return new StatementLine(line.Number, null, Refusal.NoAccount(to));
        return payer == payee ? Bad("to must be another account than from.")
            : new StatementLine(line.Number, new Movement("transfer", payer, payee, sum, reference), null);

        StatementLine Bad(string detail) => new(line.Number, null, new Refusal(400, "validation", detail));
    }

    /// <summary>
    /// By RFC 4180: a field in quotes may hold commas, and quotes that are written twice. Null for quotes that do not end.
    /// </summary>
    private static List<string>? Fields(string line)
    {
        var fields = new List<string>();
        for (var at = 0; ; at++)
        {
            if (at < line.Length && line[at] == '"')
            {
                var field = new StringBuilder();
                for (at++; ; at++)
                {
                    if (at == line.Length) return null;
                    if (line[at] != '"') field.Append(line[at]);
                    else if (at + 1 < line.Length && line[at + 1] == '"') field.Append(line[at++]);
                    else break;
                }

                fields.Add(field.ToString());
                if (++at == line.Length) return fields;
                if (line[at] != ',') return null;
                continue;
            }

            var end = line.IndexOf(',', at);
            fields.Add(end < 0 ? line[at..] : line[at..end]);
            if (end < 0) return fields;
            at = end;
        }
    }
}
