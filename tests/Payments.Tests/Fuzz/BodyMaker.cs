using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Payments.Tests.Fuzz;

/// <summary>
/// Bodies by their schema, and what chance makes of them. JSON is put together as text, since no serializer writes what is to be sent here.
/// </summary>
internal static class BodyMaker
{
    private const string Boundary = "fuzz";
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly string[] Values =
    [
        .. HostileCases.Values, "1.0", "1e2", "-0", "2147483648", "1e-7", "\"\\uD83D\"", "\"\\u0000a\"", "\"1\\u0000\"",
        "\"0001-01-01T00:00:00Z\"", "\"9999-12-31T23:59:59.9999999-14:00\"", "\"0001-01-01T00:00:00+14:00\"", "\"2026-01-01\"",
        "\"1000000000000001\"", "\"1000000000000000\"",
        "\"💣\"", "[null]", "[\"\"]", "[\"a\\u0000\"]", "[[\"a\"]]", "{\"\":{}}", "\"\\x\"", "\"\t\"", "\"unended", "1 2", "{,}", "[1,]",
    ];

    private static readonly string[] Parts =
    [
        "\r\nx", ": \r\n\r\nx", "Content-Disposition: form-data\r\n\r\nx", "Content-Disposition: form-data; name=\"\"\r\n\r\nx",
        "Content-Disposition: form-data; name=\"a\"\r\n\r\n\0", "Content-Disposition: form-data; name=\"a\0\"\r\n\r\nx",
        "Content-Disposition: form-data; name=\"sha256\"\r\n\r\nx", "Content-Disposition: form-data; name=\"filetype\"\r\n\r\n\0",
        "Content-Disposition: form-data; name=\"filename\"\r\n\r\na\0b",
        "Content-Disposition: attachment\r\n\r\nx", "Content-Disposition: form-data; name=\"b\"\r\n\r\n\ud800",
        "Content-Disposition: form-data; name=\"file\"; filename=\"../../a\"\r\n\r\nx",
        "Content-Disposition: form-data; name=\"file\"; filename=\"a\0b\"\r\n\r\nx",
        "Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''%00\r\n\r\nx",
        "Content-Disposition: form-data; name=\"file\"; filename=\"\u00e9\u202e\"\r\nContent-Type: \0\r\n\r\nx",
        "Content-Disposition: form-data; name=\"file\"; filename=\"f\"\r\nContent-Type: x\r\n\r\nx",
        "X: " + new string('h', 9_000) + "\r\n\r\nx",
        "Content-Disposition: form-data; name=\"" + new string('n', 200) + "\"\r\n\r\nx",
        "Content-Disposition: form-data; name=\"long\"\r\n\r\n" + new string('v', 2_000),
    ];

    public static void Fill(Draft draft, Chance chance, World world)
    {
        var kind = chance.Of(draft.Operation.Bodies);
        draft.MediaType = kind.MediaType;
        if (kind.MediaType == "application/json") draft.Body = Encoding.UTF8.GetBytes(Text(Members(kind, chance, world)));
        else if (kind.MediaType == "multipart/form-data")
            (draft.Body, draft.MediaType) = (Encoding.UTF8.GetBytes(Form(chance, [])), $"{kind.MediaType}; boundary={Boundary}");
        else draft.Body = Content(chance);
    }

    public static void Twist(Draft draft, Chance chance)
    {
        var kind = draft.Operation.Bodies.FirstOrDefault(b => draft.MediaType?.StartsWith(b.MediaType, StringComparison.Ordinal) == true);
        // It may be whole again.
        draft.IsBroken = false;
        if (kind?.MediaType == "multipart/form-data") draft.Body = TwistForm(chance);
        else if (kind?.MediaType == "application/json" && !chance.OneIn(5)) TwistMembers(draft, kind, chance);
        else TwistBytes(draft, chance);
    }

    private static void TwistMembers(Draft draft, BodyKind kind, Chance chance)
    {
        var all = Members(kind, chance, World.Imagined());
        var one = chance.Number(0, Math.Max(0, all.Count - 1));
        if (all.Count == 0) all.Add(("x", "1"));
        var name = all[one].Name;
        var allowed = kind.Schema.GetProperty("properties");
        switch (chance.Number(0, 8))
        {
            case 0 or 1 or 2:
                all[one] = (name, chance.Of(Values));
                break;
            case 3:
                // A value that is no text where only text is taken.
                all[one] = (name, chance.Of(["{}", "[[]]", "{\"$type\":\"x\"}"]));
                draft.IsBroken = true;
                break;
            case 4:
                all.RemoveAt(one);
                draft.IsBroken = kind.Schema.TryGetProperty("required", out var required)
                    && required.EnumerateArray().Any(r => r.GetString() == name);
                break;
            case 5:
                all.Add((chance.Of(
                    ["more", "__proto__", "constructor", "$type", "", name + " ", name.ToUpperInvariant(), "\\u0000", "\\ud800", new string(
                    'n', 3_000)]), chance.Of(Values)));
                draft.IsBroken = true;
                break;
            case 6:
                all.Insert(chance.Number(0, all.Count), (name, chance.OneIn(2) ? all[one].Json : chance.Of(Values)));
                draft.IsBroken = true;
                break;
            case 7:
                var length = chance.Of([21, 141, 201, 5_000, 300_000]);
                all[one] = (name, $"\"{new string('x', length)}\"");
                draft.IsBroken = allowed.TryGetProperty(name, out var schema)
                    && schema.TryGetProperty("maxLength", out var most) && length > most.GetInt32();
                break;
            default:
                var depth = chance.Of([1, 31, 33, 64, 5_000]);
                all[one] = (name, new string('[', depth) + new string(']', depth));
                draft.IsBroken = depth > 1;
                break;
        }

        draft.Body = Encoding.UTF8.GetBytes(Text(all));
    }

    private static void TwistBytes(Draft draft, Chance chance)
    {
        var bytes = draft.Body.ToArray();
        switch (chance.Number(0, 5))
        {
            case 0:
                var cut = bytes.Length == 0 ? 0 : chance.Number(0, bytes.Length - 1);
                bytes = bytes[..cut];
                break;
            case 1:
                for (var times = chance.Number(1, 4); times > 0 && bytes.Length > 0; times--)
                    bytes[chance.Number(0, bytes.Length - 1)] = (byte)chance.Number(0, 255);
                break;
            case 2:
                var at = chance.Number(0, bytes.Length);
                bytes = [.. bytes[..at], .. chance.Bytes(chance.Number(1, 5)), .. bytes[at..]];
                break;
            case 3:
                bytes = chance.Bytes(chance.Number(0, 200));
                break;
            case 4:
                bytes = [.. bytes, .. bytes];
                break;
            default:
                bytes = chance.Of(HostileCases.Bodies).Bytes;
                break;
        }

        draft.Body = bytes;
        draft.IsBroken = draft.MediaType == "application/json" && !bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) && !IsJson(bytes);
    }

    private static bool IsJson(byte[] bytes)
    {
        try
        {
            JsonDocument.Parse(bytes).Dispose();
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static List<(string Name, string Json)> Members(BodyKind kind, Chance chance, World world)
    {
        var required = kind.Schema.TryGetProperty("required", out var names)
            ? names.EnumerateArray().Select(n => n.GetString()).ToList() : [];
        var members = new List<(string, string)>();
        foreach (var member in kind.Schema.GetProperty("properties")
            .EnumerateObject().Where(m => chance.OneIn(2) || required.Contains(m.Name)))
        {
            var (valid, unknown, drawn) = (chance.Valid(member.Value), chance.OneIn(8), chance.Number(0, 1_000_000));
            var known = world.At(member.Name);
            // A known id where an id belongs; the same names may mean something else elsewhere.
            var isId = known.Count > 0
                && !unknown && !(member.Value.TryGetProperty("format", out var format) && format.GetString() == "date-time");
            members.Add(
                (member.Name, isId ? JsonSerializer.Serialize(known[drawn % known.Count]) : JsonSerializer.Serialize(valid, Readable)));
        }

        return members;
    }

    private static byte[] TwistForm(Chance chance)
    {
        var form = Form(chance, [.. Enumerable.Range(0, chance.OneIn(10) ? 20 : chance.Number(1, 2)).Select(_ => chance.Of(Parts))]);
        var bytes = Encoding.UTF8.GetBytes(form);
        return chance.OneIn(3) ? bytes[..chance.Number(0, bytes.Length - 1)] : bytes;
    }

    private static string Form(Chance chance, IEnumerable<string> more)
    {
        var fields = chance.OneIn(2)
            ? [] : new[] { $"Content-Disposition: form-data; name=\"note\"\r\n\r\n{chance.Text(chance.Number(0, 40)).Replace('-', '_')}" };
        var file =
            $"Content-Disposition: form-data; name=\"file\"; filename=\"payments.csv\"\r\nContent-Type: "
                + $"text/csv\r\n\r\n{Encoding.Latin1.GetString(Content(chance))}";
        string[] parts = [.. fields, .. more, .. chance.OneIn(10) ? [] : new[] { file }];
        return $"{string.Concat(parts.Select(p => $"--{Boundary}\r\n{p}\r\n"))}--{Boundary}--\r\n";
    }

    private static byte[] Content(Chance chance) => chance.Number(0, 4) switch
    {
        0 => [],
        1 => chance.Bytes(chance.Number(1, 64)),
        2 => chance.Bytes(8),
        _ => Encoding.UTF8.GetBytes(
            string.Concat(Enumerable.Range(0, chance.Number(1, 5)).Select(
            i => $"r{i},{chance.Number(0, 5)},{chance.Number(0, 5)},{chance.Number(-1, 3)}\n"))),
    };

    private static string Text(IEnumerable<(string Name, string Json)> members) =>
        $"{{{string.Join(',', members.Select(m => $"\"{m.Name}\":{m.Json}"))}}}";
}
