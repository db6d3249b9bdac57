using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace Payments.Tests;

/// <summary>One request that must not be carried out.</summary>
/// <param name="Name">What it is, for whoever has to find it again.</param>
/// <param name="Make">The request, made anew for each sending.</param>
internal sealed record HostileCase(string Name, Func<HttpRequestMessage> Make);

/// <summary>
/// Requests that a hostile or broken client may send to the sample's addresses: each value in each member, each kind of body under each
/// address, each id in each route. Every body has two faults in different members, so that it stays refusable whatever one of its members
/// is changed to; every id is one that does not exist.
/// </summary>
internal static class HostileCases
{
    private static readonly (string Path, (string Name, string Json)[] Members)[] Commands =
    [
        ("/accounts", [("owner", "\"\""), ("currency", "\"XXX\""), ("overdraftLimit", "\"-1\"")]),
        ("/deposits", [("account", "\"777777777\""), ("amount", "\"0\""), ("reference", "\"r\"")]),
        ("/transfers", [("from", "\"777777777\""), ("to", "\"777777777\""), ("amount", "\"0\""), ("reference", "\"r\"")]),
        ("/payouts", [("account", "\"777777777\""), ("amount", "\"0\""), ("destination", "\"d\"")]),
        ("/reports", [("account", "\"\""), ("from", "\"2026-02-01T00:00:00Z\""), ("to", "\"2026-01-01T00:00:00Z\"")]),
        ("/keys", [("principal", "\"\""), ("operator", "\"yes\"")]),
    ];

    public static readonly string[] Values =
    [
        "null", "true", "0", "-1", "1e400", "-1e-400", "9223372036854775808",
        "0.1", "\"\"", "\" \"", "\"\\u0000\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u202e\"", "\"9223372036854775808\"",
        "\"1'; DROP TABLE account; --\"", "\"../../../../etc/passwd\"", "\"${jndi:ldap://x}\"",
        "\"<script>alert(1)</script>\"", "\"{{7*7}}\"", "\"2026-13-45T99:99:99Z\"", "\"0x10\"", "\"NaN\"", "[]", "{}", "[\"1\"]",
        "{\"$ref\":\"#\"}", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "'1'", "undefined",
    ];

    public static readonly (string Name, byte[] Bytes)[] Bodies =
    [
        ("no byte", []), ("a space", " "u8.ToArray()), ("null", "null"u8.ToArray()), ("an array", "[]"u8.ToArray()),
        ("a number", "1"u8.ToArray()), ("a text", "\"x\""u8.ToArray()), ("half a body", "{\"account\":"u8.ToArray()),
        ("bytes that are no text", [0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
        ("an overlong slash", [0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), ("zeros", new byte[64]),
        ("UTF-16", Encoding.Unicode.GetBytes("{\"account\":\"1\"}")), ("a byte order mark", [0xef, 0xbb, 0xbf, .. "{}"u8]),
        ("a comment", "{/* */}"u8.ToArray()), ("XML", "<a><!ENTITY x SYSTEM 'file:///etc/passwd'></a>"u8.ToArray()),
        ("an unknown member", "{\"constructor\":{\"prototype\":1}}"u8.ToArray()), ("__proto__", "{\"__proto__\":{}}"u8.ToArray()),
        ("$type", "{\"$type\":\"x\",\"$id\":\"1\"}"u8.ToArray()), ("members twice", "{\"a\":1,\"a\":1}"u8.ToArray()),
        ("a deep array", Encoding.ASCII.GetBytes(new string('[', 20_000))),
        ("a deep object", Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 5_000)))),
        ("a long name", Encoding.ASCII.GetBytes($"{{\"{new string('n', 200_000)}\":1}}")),
        ("a long number", Encoding.ASCII.GetBytes($"{{\"amount\":{new string('9', 100_000)}}}")),
        ("many members", Encoding.ASCII.GetBytes($"{{{string.Join(',', Enumerable.Range(0, 5_000).Select(i => $"\"m{i}\":1"))}}}")),
        ("a name with U+0000", "{\"\\u0000\":1}"u8.ToArray()),
        ("a name of half a character", "{\"\\ud800\":1}"u8.ToArray()), ("an empty name", "{\"\":1}"u8.ToArray()),
    ];

    public static readonly string[] MediaTypes =
    [
        "text/plain", "application/xml", "application/x-www-form-urlencoded",
        "multipart/form-data", "multipart/form-data; boundary=", "application/json; charset=utf-16", "application/json; charset=nonsense",
        "application/json; charset=\"utf-7\"",
        "application/json;charset", "application/*", "*/*", "json", ";", "application/json, text/plain", "application/jsonp", "",
    ];

    public static readonly string[] Ids =
    [
        "0", "-1", "777777777", "9223372036854775807", "9223372036854775808", "1e3", "01",
        "+1", "%201", "NaN", "null", "%0d%0aSet-Cookie:%20a=b", "..%2f..%2fetc%2fpasswd", "%2e%2e", "%c0%ae%c0%ae", "%ff", "%F0%9F%92%A3",
        "1'%20OR%20'1'='1",
        "1;%20DROP%20TABLE%20account", "*", "%25", "%25s%25n", "{id}", "$%7b7*7%7d", "<script>", "..;", "a%2fb", "٣", "x.json",
    ];

    public static readonly string[] Queries =
    [
        "pageSize=0", "pageSize=-1", "pageSize=99999999999", "pageSize=1e1", "pageSize=%00", "pageSize=",
        "pageSize=1&pageSize=2", "pageToken=%00", "pageToken=x&pageToken=y", "pageToken=-1", "pageToken=' OR 1=1", "PAGESIZE=x",
        "%00=1", "a[]=1&a[0]=2", "=&=&&", "%", "wait=x", "wait=-1", "wait=1e9999", "wait=NaN", "wait=1&wait=2", "wait=%00",
    ];

    public static readonly (string Name, string Value)[] Headers =
    [
        ("Idempotency-Key", ""), ("Idempotency-Key", "a b"), ("Idempotency-Key", "\"open"),
        ("Idempotency-Key", "a,b"), ("Idempotency-Key", new string('k', 5_000)), ("Accept", "///;;q=x"), ("Accept", "text/html"),
        ("Accept-Encoding", "gzip;q=nonsense"), ("Accept-Language", new string('x', 2_000)), ("If-None-Match", "\"unclosed"),
        ("If-Match", "W/"), ("If-Modified-Since", "yesterday"), ("Range", "bytes=9-1,-,x"), ("Prefer", "wait=-1"),
        ("Prefer", "wait=99999999999999999999, respond-async;x=\"\\"), ("Expect", "nonsense"),
        ("traceparent", "00-zz-zz-zz"), ("tracestate", new string('=', 600)), ("baggage", "a=%ZZ"), ("X-Forwarded-For", "' OR 1=1"),
        ("X-Forwarded-Proto", "javascript"), ("X-HTTP-Method-Override", "DELETE"), ("Cookie", "=;=;,"),
        ("Origin", "null"), ("Content-Encoding", "gzip"), ("Last-Event-ID", "-1"), ("Tus-Resumable", "9"), ("Upload-Length", "-1"),
        ("Upload-Offset", "9223372036854775808"), ("Upload-Metadata", "a !!!"), ("Upload-Checksum", "md5 x"), ("Upload-Defer-Length", "2"),
    ];

    /// <summary>All of them, always in the same order.</summary>
    public static IEnumerable<HostileCase> All() => [.. OfMembers(), .. OfBodies(), .. OfAddresses(), .. OfHeaders(), .. OfUploads()];

    private static IEnumerable<HostileCase> OfMembers()
    {
        foreach (var (path, members) in Commands)
        {
            foreach (var (name, _) in members)
            {
                foreach (var value in Values)
                    yield return Json($"{name} = {value}", path, Object(members.Select(m => m.Name == name ? (m.Name, value) : m)));
                yield return Json($"{name} twice", path, Object([.. members, members.First(m => m.Name == name)]));
                yield return Json(
                    $"{name} too long", path, Object(members.Select(m => m.Name == name ? (m.Name, $"\"{new string('x', 50_000)}\"") : m)));
                yield return Json($"no {name}", path, Object(members.Where(m => m.Name != name)));
                yield return Json(
                    $"{name} in capitals", path, Object(members.Select(m => m.Name == name ? (m.Name.ToUpperInvariant(), m.Json) : m)));
            }
        }
    }

    private static IEnumerable<HostileCase> OfBodies()
    {
        foreach (var (path, members) in Commands)
        {
            foreach (var (name, bytes) in Bodies) yield return Post($"{name} to {path}", path, bytes, "application/json");
            foreach (var type in MediaTypes)
                yield return Post($"the media type \"{type}\" to {path}", path, Encoding.UTF8.GetBytes(Object(members)), type);
        }
    }

    private static IEnumerable<HostileCase> OfAddresses()
    {
        foreach (var id in Ids)
        {
            foreach (var path in new[] { $"/accounts/{id}", $"/accounts/{id}/entries",
                $"/transfers/{id}", $"/jobs/{id}", $"/jobs/{id}/result", $"/{id}" }) yield return Plain(HttpMethod.Get, path);
            foreach (var path in new[] { $"/jobs/{id}", $"/keys/{id}", $"/accounts/{id}" }) yield return Plain(HttpMethod.Delete, path);
        }

        foreach (var query in Queries)
        {
            foreach (var path in new[] { "/accounts/777777777/entries", "/jobs/777777777", "/transfers/0" })
                yield return Plain(HttpMethod.Get, $"{path}?{query}");
        }

        foreach (var method in new[] { "PUT", "PATCH", "TRACE", "FOO", "DELETE", "PROPFIND" })
        {
            foreach (var path in Commands.Select(c => c.Path).Append("/audit").Append("/livez"))
                yield return Plain(new HttpMethod(method), path);
        }
    }

    private static IEnumerable<HostileCase> OfHeaders()
    {
        foreach (var (name, value) in Headers)
        {
            yield return With(Plain(HttpMethod.Get, "/transfers/777777777"), name, value);
            yield return With(Json("a deposit", "/deposits", Object(Commands[1].Members)), name, value);
        }
    }

    private static IEnumerable<HostileCase> OfUploads()
    {
        foreach (var length in new[] { "", "-1", "x", "1e3", "9223372036854775807", "9223372036854775808", "4294967297", "1,2" })
            yield return With(With(Plain(HttpMethod.Post, "/statements"), "Tus-Resumable", "1.0.0"), "Upload-Length", length);
        foreach (var metadata in new[] { "a", "a !", "a YQ==,a YQ==", ",,,", new string('m', 5_000), "sha256 eHg=", "sha256" })
            yield return With(With(
                With(Plain(HttpMethod.Post, "/statements"), "Tus-Resumable", "1.0.0"), "Upload-Length", "x"), "Upload-Metadata", metadata);
        foreach (var version in new[] { "", "0.9", "1.0.0, 1.0.0", "x" })
            yield return With(With(Plain(HttpMethod.Post, "/statements"), "Upload-Length", "1"), "Tus-Resumable", version);
        foreach (var body in new[] { "", "--", "--b", "--b--", "--b\r\n", "--b\r\n\r\n",
            "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--", "--b\r\n: \r\n\r\n\r\n--b--", "x" })
            yield return Post($"the form {body.ReplaceLineEndings("|")}", "/statements", Encoding.ASCII.GetBytes(
                body), "multipart/form-data; boundary=b");
        foreach (var type in new[] { "multipart/form-data",
            "multipart/form-data; boundary=\"\"", $"multipart/form-data; boundary={new string('b', 300)}", "application/json", "text/csv" })
            yield return Post($"the media type {type} to /statements", "/statements", "x"u8.ToArray(), type);
        foreach (var id in Ids)
        {
            foreach (var method in new[] { HttpMethod.Head, HttpMethod.Patch, HttpMethod.Delete, HttpMethod.Post, HttpMethod.Get })
                yield return With(With(Plain(method, $"/statements/{id}"), "Tus-Resumable", "1.0.0"), "Upload-Offset", "0");
        }
    }

    private static string Object(IEnumerable<(string Name, string Json)> members) =>
        $"{{{string.Join(',', members.Select(m => $"\"{m.Name}\":{m.Json}"))}}}";

    private static HostileCase Json(string name, string path, string json) =>
        Post($"{path}: {name}", path, Encoding.UTF8.GetBytes(json), "application/json");

    private static HostileCase Post(string name, string path, byte[] body, string type) => new(name, () =>
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        if (type.Length > 0) request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        request.Headers.TryAddWithoutValidation(
            "Idempotency-Key", string.Create(CultureInfo.InvariantCulture, $"hostile-{Guid.CreateVersion7():N}"));
        return request;
    });

    private static HostileCase Plain(HttpMethod method, string path) => new($"{method} {path}", () => new HttpRequestMessage(method, path));

    private static HostileCase With(HostileCase of, string name, string value) => new($"{of.Name} with {name}: {value}", () =>
    {
        var request = of.Make();
        HttpHeaders headers = name.StartsWith("Content-", StringComparison.Ordinal)
            ? (request.Content ??= new ByteArrayContent([])).Headers : request.Headers;
        headers.Remove(name);
        headers.TryAddWithoutValidation(name, value);
        return request;
    });
}
