using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Payments.Tests.Fuzz;

/// <summary>
/// Makes requests out of the OpenAPI document and a seed: each by itself from its number, so that any one can be made again alone. Half of
/// them are as the document wants them; the others get one to three twists.
/// </summary>
internal static class RequestMaker
{
    private static readonly string[] Texts =
    [
        "", " ", "0", "-1", "1e400", "NaN", "9223372036854775808", "99999999999999999999999999", "0x10", "٣", "null", "true",
        "💣\u202e", "a\"b", "\"", "\\", ",", ";", "=", "a=b", "a, b", "*", "W/", "\"\"", "%", "%zz", "%00", "%ff", "..", "../../etc/passwd",
        "' OR 1=1 --", "${x}", "<script>", "{{7*7}}", new('x', 300), new('9', 5_000), "\u0001", "a\tb", "1, 1", "!!!", "sha1 x",
        "md5 x", "W/\"1\", \"2", "1-1-1", "-end", "18446744073709551616-0", "respond-async, wait=0", "wait=1, wait=2", "wait=\"1\";x=\"",
    ];

    private static readonly string[] Methods =
        ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO", "get", "PROPFIND"];
    private static readonly string[] Credentials = ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer sk_000000000000_00", "Bearer sk__",
        "Bearer sk_\u00e9_1", "Basic ZGV2OmRldg==", "bearer dev", "Bearer dev dev", "Negotiate x", "Bearer " + new string('x', 4_000)];
    private static readonly Operation[] Operations = [.. Contract.Operations.SelectMany(
        o => Enumerable.Repeat(o, o.Parameters.Count + o.Bodies.Count == 0 ? 1 : 8))];

    private static readonly Action<Draft, Chance>[] Twists =
    [
        .. Enumerable.Repeat<Action<Draft, Chance>>(TwistBody, 8),
        .. Enumerable.Repeat<Action<Draft, Chance>>(TwistHeader, 6), .. Enumerable.Repeat<Action<Draft, Chance>>(TwistQuery, 2),
        .. Enumerable.Repeat<Action<Draft, Chance>>(TwistPath, 3),
        TwistMethod, TwistCredential, TwistMediaType, TwistMediaType, TwistFraming, TwistFraming, TwistHead,
    ];

    public static FuzzRequest Make(int seed, int number, World world)
    {
        var chance = new Chance(unchecked((int)(((uint)seed * 2_654_435_761u) ^ ((uint)number * 2_246_822_519u))));
        var draft = new Draft(chance.Of(Operations));
        FillIn(draft, chance, world);
        draft.Header("Authorization", chance.Of(world.Credentials));
        for (var left = chance.OneIn(2) ? 0 : chance.Number(1, 3); left > 0; left--) chance.Of(Twists)(draft, chance);
        return draft.Finish(number, world.Host);

        // Drawn by its number, not by its place in the batch.
        void FillIn(Draft d, Chance c, World w)
        {
            foreach (var parameter in d.Operation.In("path"))
                d.Path = d.Path.Replace($"{{{parameter.Name}}}", IdFor(d, parameter, c, w), StringComparison.Ordinal);
            foreach (var parameter in d.Operation.In("query").Where(_ => c.OneIn(3)))
            {
                var isToken = parameter.Name == "pageToken" && w.PageTokens.Count > 0 && !c.OneIn(4);
                d.Query.Add($"{parameter.Name}={Uri.EscapeDataString(isToken ? c.Of(w.PageTokens) : Plain(c.Valid(parameter.Schema)))}");
            }

            if (d.Operation.Bodies.Count > 0) BodyMaker.Fill(d, c, w);
            foreach (var parameter in d.Operation.In("header").Where(p => p.IsRequired || c.OneIn(2)))
                if (HeaderFor(d, parameter, number, c, w) is { } value) d.Header(parameter.Name, value);
            if (d.Operation.In("header").Any(p => p.Name == "Tus-Resumable")
                && d.MediaType?.StartsWith("multipart", StringComparison.Ordinal) != true) d.Header("Tus-Resumable", "1.0.0");
        }
    }

    private static string IdFor(Draft draft, Parameter parameter, Chance chance, World world)
    {
        var known = world.At(draft.Operation.Path[..draft.Operation.Path.IndexOf('{', StringComparison.Ordinal)]);
        var chosen = chance.Number(0, 9);
        var drawn = chance.Number(0, 1_000_000);
        var other = Plain(chance.Valid(parameter.Schema));
        return chosen < 8 && known.Count > 0 ? known[drawn % known.Count]
            : Uri.EscapeDataString(other.Length == 0 || other.Contains('\0', StringComparison.Ordinal) ? "1" : other);
    }

    private static string? HeaderFor(Draft draft, Parameter parameter, int number, Chance chance, World world)
    {
        var valid = Plain(chance.Valid(parameter.Schema));
        // One in eight uses a key of those before.
        var key = chance.OneIn(8) ? chance.Number(0, 20) : number;
        return parameter.Name switch
        {
            // A form is a request without it.
            "Tus-Resumable" => null,
            "Idempotency-Key" => $"\"fuzz-{world.Number}-{key}\"",
            "If-Match" or "If-None-Match" => chance.Of(world.EntityTags),
            "Prefer" => chance.Of(["respond-async", "wait=1", "wait=10, respond-async", "handling=strict"]),
            "X-HTTP-Method-Override" => chance.Of(["PATCH", "DELETE", "HEAD"]),
            "Upload-Offset" => chance.OneIn(4) ? valid : "0",
            "Upload-Length" => chance.OneIn(3) ? valid : Backend.Text(draft.Body.Length + (chance.OneIn(2) ? 0 : 5)),
            // Not both of them.
            "Upload-Defer-Length" => draft.Value("Upload-Length") is null || chance.OneIn(8) ? valid : null,
            "Upload-Checksum" => chance.OneIn(3) ? valid : $"sha256 {Convert.ToBase64String(SHA256.HashData(draft.Body))}",
            _ => Clean(valid),
        };
    }

    private static void TwistBody(Draft draft, Chance chance)
    {
        if (draft.Operation.Bodies.Count > 0) BodyMaker.Twist(draft, chance);
        else (draft.Body, draft.MediaType) = (chance.Bytes(chance.Number(1, 100)), chance.Of(HostileCases.MediaTypes));
        draft.Twists.Add(
            $"a body of {draft.Body.Length} bytes: "
                + $"{Encoding.UTF8.GetString(draft.Body[..Math.Min(60, draft.Body.Length)]).ReplaceLineEndings("|")}");
    }

    private static void TwistHeader(Draft draft, Chance chance)
    {
        var declared = draft.Operation.In("header").Select(p => p.Name).ToList();
        var (name, value) = declared.Count > 0 && !chance.OneIn(3) ? (chance.Of(declared), chance.OneIn(6)
            ? chance.Text(chance.Number(1, 60)) : chance.Of(Texts)) : chance.Of(HostileCases.Headers);
        value = Clean(value);
        if (chance.OneIn(6) && draft.Headers.RemoveAll(h => h.Name == name) > 0)
        {
            draft.Twists.Add($"no {name}");
            return;
        }

        var again = chance.OneIn(4);
        draft.Header(name, value, again);
        draft.Twists.Add($"{name}{(again ? " again" : "")}: {value}");
    }

    private static void TwistQuery(Draft draft, Chance chance)
    {
        var declared = draft.Operation.In("query").Select(p => p.Name).ToList();
        var text = declared.Count == 0 || chance.OneIn(3) ? chance.Of(HostileCases.Queries).Replace(" ", "%20", StringComparison.Ordinal)
            : $"{chance.Of(declared)}={Uri.EscapeDataString(chance.OneIn(2) ? chance.Text(20) : chance.Of(Texts))}";
        draft.Query.Add(text);
        draft.Twists.Add($"?{text}");
    }

    private static void TwistPath(Draft draft, Chance chance)
    {
        var steps = draft.Path.Split('/');
        var last = chance.Number(1, steps.Length - 1);
        switch (chance.Number(0, 6))
        {
            case 0: draft.Path += "/"; break;
            case 1: draft.Path = draft.Path.ToUpperInvariant(); break;
            case 2: draft.Path = "/" + draft.Path; break;
            case 3: draft.Path += chance.Of(
                ["/..", "/.", ";x=1", "/%2e%2e/x", "%20", "%00", "%ff", "%c0%af", "%", "%zz", "/\\", "?", "#x", "/"
                + new string('p', 2_000)]); break;
            default:
                steps[last] = chance.Of(HostileCases.Ids).Replace(" ", "%20", StringComparison.Ordinal);
                draft.Path = string.Join('/', steps);
                break;
        }

        // A target is ASCII, says Kestrel.
        draft.IsUnreadable |= draft.Path.Any(c => c > '~');
        draft.Twists.Add("path");
    }

    private static void TwistMethod(Draft draft, Chance chance)
    {
        draft.Method = chance.Of(Methods);
        draft.Twists.Add($"instead of {draft.Operation.Method}");
    }

    private static void TwistCredential(Draft draft, Chance chance)
    {
        var (credential, again) = (chance.Of(Credentials), chance.OneIn(4));
        draft.Header("Authorization", credential, again);
        draft.Twists.Add($"credential{(again ? " again" : "")}: {credential}");
    }

    private static void TwistMediaType(Draft draft, Chance chance)
    {
        draft.MediaType = Clean(chance.Of(HostileCases.MediaTypes));
        draft.Twists.Add($"type \"{draft.MediaType}\"");
    }

    private static void TwistFraming(Draft draft, Chance chance) => draft.Framing = chance.Number(
        0, 99) switch { < 60 => Framing.Chunked, < 90 => Framing.Truncated, < 98 => Framing.Announced, _ => Framing.Stalled };

    /// <summary>What no HTTP library would send.</summary>
    private static void TwistHead(Draft draft, Chance chance)
    {
        switch (chance.Number(0, 9))
        {
            case 0: draft.Version = chance.Of(["HTTP/1.0", "HTTP/9.9", "HTTP/2", "http/1.1", ""]); break;
            case 1: draft.Header("Host", chance.Of(["", "x y", "\0", "a,b", "[::1", new('h', 300)])); break;
            case 2: draft.Header("Host", "other", again: true); break;
            case 3: draft.Header("Content-Length", chance.Of(["-1", "x", "99999999999999999999", "1, 2"]), again: true); break;
            case 4: draft.Header("Transfer-Encoding", chance.Of(["gzip", "chunked, chunked", "identity", "x"])); break;
            case 5: draft.Header("X y", "1"); break;
            case 6: draft.Header("X", "a\0b"); break;
            case 7: draft.Header("X", new string('h', 20_000)); break;
            case 8: for (var i = 0; i < 80; i++) draft.Header($"X{i}", "1"); break;
            default: draft.Query.Add(new string('q', 9_000)); break;
        }

        draft.IsUnreadable = true;
        draft.Twists.Add("head");
    }

    /// <summary>One line, as a header has to be.</summary>
    private static string Clean(string value) => value.ReplaceLineEndings(" ").Replace('\n', ' ').Replace('\r', ' ').Trim(' ');

    private static string Plain(JsonElement value) => value.ValueKind == JsonValueKind.Null ? "" : value.ToString();
}
