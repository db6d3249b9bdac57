using System.Globalization;
using System.Text;

namespace Payments.Tests.Fuzz;

/// <summary>A request while it is put together, in the very bytes that go over the wire: no library corrects it.</summary>
internal sealed class Draft(Operation operation)
{
    public Operation Operation => operation;

    public string Method { get; set; } = operation.Method;

    public string Path { get; set; } = operation.Path;

    public List<string> Query { get; } = [];

    public string Version { get; set; } = "HTTP/1.1";

    public List<(string Name, string Value)> Headers { get; } = [];

    public string? MediaType { get; set; }

    public byte[] Body { get; set; } = [];

    public Framing Framing { get; set; } = Framing.Length;

    /// <summary>What was done to it, for whoever has to find out what it was.</summary>
    public List<string> Twists { get; } = [];

    /// <summary>Its body breaks the contract, so it must not be accepted while it is at its operation.</summary>
    public bool IsBroken { get; set; }

    /// <summary>It is hardly HTTP: the server may refuse it before there is anybody to write a problem, or just hang up.</summary>
    public bool IsUnreadable { get; set; }

    /// <summary>Sets, or adds beside what is there.</summary>
    public void Header(string name, string value, bool again = false)
    {
        if (!again) Headers.RemoveAll(h => h.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        Headers.Add((name, value));
    }

    public string? Value(string header) => Headers.FirstOrDefault(h => h.Name.Equals(header, StringComparison.OrdinalIgnoreCase)).Value;

    public FuzzRequest Finish(int number, string host)
    {
        if (Value("Host") is null) Header("Host", host);
        if (MediaType is { Length: > 0 }) Header("Content-Type", MediaType);
        var target = Query.Count == 0 ? Path : $"{Path}?{string.Join('&', Query)}";
        var sent = Framed();
        var head = new StringBuilder($"{Method} {target} {Version}\r\n");
        foreach (var (name, value) in Headers) head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        // Kestrel takes a null character nowhere in the head.
        IsUnreadable |= head.ToString().Contains('\0', StringComparison.Ordinal)
            || target.Contains("%00", StringComparison.Ordinal) && Path.Contains("%00", StringComparison.Ordinal);
        return new FuzzRequest(
            number, operation, Method, target, [.. Encoding.UTF8.GetBytes(head.Append("\r\n").ToString()), .. sent], Framing, Twists)
        {
            IsBroken = IsBroken && Method == operation.Method && !IsUnreadable,
            IsUnreadable = IsUnreadable,
            Authorization = Value("Authorization"),
            ChecksBody = Value("Upload-Checksum") is not null,
        };
    }

    private byte[] Framed()
    {
        switch (Framing)
        {
            case Framing.Chunked:
                Header("Transfer-Encoding", "chunked");
                return [.. Body.Chunk(Math.Max(1, Body.Length / 3)).SelectMany(
                    c => (byte[])[.. Encoding.ASCII.GetBytes($"{c.Length:x}\r\n"), .. c, .. "\r\n"u8]), .. "0\r\n\r\n"u8];
            case Framing.Truncated or Framing.Stalled when Body.Length > 1:
                Header("Content-Length", Backend.Text(Body.Length));
                return Body[..(Body.Length / 2)];
            case Framing.Announced:
                Header("Content-Length", "5000000000");
                return [];
            default:
                Framing = Framing.Length;
                if (Body.Length > 0 || Method is not ("GET" or "HEAD")) Header("Content-Length", Backend.Text(Body.Length));
                return Body;
        }
    }
}

/// <summary>How a body is sent.</summary>
internal enum Framing
{
    Length,
    Chunked,

    /// <summary>Half of it, and then the client sends no more.</summary>
    Truncated,

    /// <summary>Half of it, and then the client waits.</summary>
    Stalled,

    /// <summary>Far more is announced than any endpoint takes, and nothing is sent.</summary>
    Announced,
}

/// <summary>A request as it goes over the wire.</summary>
internal sealed record FuzzRequest(
    int Number, Operation Operation, string Method, string Target, byte[] Bytes, Framing Framing, IReadOnlyList<string> Twists)
{
    public bool IsBroken { get; init; }

    public bool IsUnreadable { get; init; }

    public bool ChecksBody { get; init; }

    public string? Authorization { get; init; }

    public string Path => Target.Split('?')[0];

    public override string ToString()
    {
        var twists = Twists.Prepend(Framing == Framing.Length ? "" : $"{Framing}").Where(t => t.Length > 0).Select(Judgement.Short);
        return $"request {Number}, {Judgement.Short($"{Method} {Target}")} [{string.Join("; ", twists)}]";
    }
}
