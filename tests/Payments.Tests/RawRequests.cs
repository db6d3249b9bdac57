using System.Net.Sockets;
using System.Text;

namespace Payments.Tests;

/// <summary>Bytes that no HTTP library would send.</summary>
internal static class RawRequests
{
    private const string Start =
        "POST /deposits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dev\r\nIdempotency-Key: raw\r\nContent-Type: "
            + "application/json\r\nConnection: close\r\n";
    private static readonly string FormStart = Start.Replace("/deposits", "/statements", StringComparison.Ordinal)
        .Replace("application/json", "multipart/form-data; boundary=b", StringComparison.Ordinal);

    private const string Body = "{\"account\":\"777777777\",\"amount\":\"1\",\"reference\":\"r\"}";

    public static readonly string[] All =
    [
        "\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "G\0T / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET //audit HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET http://other/audit HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /audit HTTP/1.1\r\nConnection: close\r\n\r\n", "GET /audit HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n",
        "GET /audit HTTP/1.1\r\nHost: \0\r\nConnection: close\r\n\r\n",
        "GET /audit HTTP/1.1\r\nHost: x\r\nX: a\0b\r\nConnection: close\r\n\r\n",
        "GET /audit HTTP/1.1\r\nHost: x\r\nX y: z\r\nConnection: close\r\n\r\n",
        "GET /audit HTTP/1.1\r\nHost: x\r\n: z\r\nConnection: close\r\n\r\n",
        "GET /audit HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\nConnection: close\r\n\r\n", "GET /audit HTTP/1.1\nHost: x\n\n",
        "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\nConnection: close\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        $"GET /audit?{new string('q', 20_000)} HTTP/1.1\r\nHost: x\r\n\r\n",
        $"GET /audit HTTP/1.1\r\nHost: x\r\nX: {new string('h', 40_000)}\r\n\r\n",
        $"GET /audit HTTP/1.1\r\nHost: x\r\n{string.Concat(Enumerable.Range(0, 200).Select(i => $"X{i}: 1\r\n"))}\r\n",
        $"{Start}Content-Length: -1\r\n\r\n", $"{Start}Content-Length: x\r\n\r\n",
        $"{Start}Content-Length: 99999999999999999999\r\n\r\n", $"{Start}Content-Length: 9\r\nContent-Length: 10\r\n\r\n{Body}",
        $"{Start}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        $"{Start}Transfer-Encoding: gzip\r\n\r\n{Body}",
        $"{Start}Transfer-Encoding: chunked\r\n\r\nZZ\r\n{Body}", $"{Start}Transfer-Encoding: chunked\r\n\r\n-1\r\n{Body}\r\n0\r\n\r\n",
        $"{Start}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n{Body}",
        $"{Start.Replace("/deposits", "/keys", StringComparison.Ordinal)}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n{Body}",
        $"{FormStart}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n{Body}",
        $"{Start}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}x\r\n0\r\n\r\n",
        $"{Start}Idempotency-Key: other\r\nContent-Length: {Body.Length}\r\n\r\n{Body}",
        $"{Start}Content-Type: text/plain\r\nContent-Length: {Body.Length}\r\n\r\n{Body}",
        $"{Start}Authorization: Bearer x\r\nContent-Length: {Body.Length}\r\n\r\n{Body}",
        $"{Start}Content-Length: {Body.Length}\r\n\r\n{Body}",
        $"{Start}X-\u00e4: \u00ff\u00fe\r\nContent-Length: {Body.Length}\r\n\r\n{Body}",
        "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003", new('A', 100_000),
    ];

    /// <summary>What the server says before it closes; empty when it just closes.</summary>
    /// <exception cref="OperationCanceledException">It did neither in time.</exception>
    public static async Task<string> SendAsync(Uri address, string bytes, TimeSpan patience)
    {
        using var limit = new CancellationTokenSource(patience);
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, limit.Token);
        var stream = client.GetStream();
        var answer = new StringBuilder();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(bytes), limit.Token);
            // A request that ends by itself keeps its connection: a half-closed one looks like a client that left.
            if (!bytes.Contains("Connection: close", StringComparison.Ordinal)) client.Client.Shutdown(SocketShutdown.Send);
            var buffer = new byte[16_384];
            int read;
            while ((read = await stream.ReadAsync(buffer, limit.Token)) > 0) answer.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // A reset is an answer, too.
        }

        return answer.ToString();
    }
}
