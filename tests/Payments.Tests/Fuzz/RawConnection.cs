using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Payments.Tests.Fuzz;

/// <summary>
/// A connection that sends bytes as they are, and reads what HTTP/1.1 answers. It is kept for the next request when both sides can.
/// </summary>
internal sealed class RawConnection(Uri address) : IDisposable
{
    private const int MostRead = 4 << 20;

    private readonly byte[] buffer = new byte[16_384];
    private TcpClient? client;
    private int start;
    private int end;

    /// <summary>The answer; null when the server closed without one, or in the middle of it.</summary>
    /// <exception cref="OperationCanceledException">It did neither in time.</exception>
    public async Task<Reply?> SendAsync(FuzzRequest request, CancellationToken cancel)
    {
        var keep = false;
        try
        {
            if (client is null)
            {
                client = new TcpClient { NoDelay = true };
                (start, end) = (0, 0);
                await client.ConnectAsync(address.Host, address.Port, cancel);
            }

            var stream = client.GetStream();
            try
            {
                await stream.WriteAsync(request.Bytes, cancel);
                if (request.Framing == Framing.Truncated) client.Client.Shutdown(SocketShutdown.Send);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                // It may have been refused before all of it was read, and the answer be here.
            }

            var reply = await ReadAsync(stream, request.Method == "HEAD", cancel);
            // Behind a refusal the server may still close, because it has not read the body: the next request would be lost.
            keep = reply is { Status: < 400 } && request.Framing is Framing.Length or Framing.Chunked
                && !request.IsUnreadable && reply?.Header("Connection") != "close" && reply?.Header("Content-Type") != "text/event-stream";
            return reply;
        }
        catch (Exception e) when (e is IOException or SocketException or EndOfStreamException)
        {
            return null;
        }
        finally
        {
            if (!keep) Dispose();
        }
    }

    public void Dispose()
    {
        client?.Dispose();
        client = null;
    }

    private async Task<Reply?> ReadAsync(NetworkStream stream, bool isHead, CancellationToken cancel)
    {
        int status;
        Dictionary<string, string> headers;
        do
        {
            var first = await LineAsync(stream, cancel);
            if (first is not ['H', 'T', 'T', 'P', '/', '1', '.', '1', ' ', ..])
                throw new InvalidDataException($"The answer begins with \"{Judgement.Short(first)}\".");
            status = int.Parse(first.AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture);
            headers = new(StringComparer.OrdinalIgnoreCase);
            while (await LineAsync(stream, cancel) is { Length: > 0 } line)
            {
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                var (name, value) = (line[..colon], line[(colon + 1)..].Trim());
                headers[name] = headers.TryGetValue(name, out var before) ? $"{before}, {value}" : value;
            }
        }
        while (status < 200);

        if (isHead || status is 204 or 304) return new Reply(status, headers, "");
        var body = new MemoryStream();
        if (headers.GetValueOrDefault("Transfer-Encoding") == "chunked")
        {
            while (int.Parse(await LineAsync(stream, cancel), NumberStyles.HexNumber, CultureInfo.InvariantCulture) is > 0 and var size)
            {
                await CopyAsync(stream, size, body, cancel);
                await LineAsync(stream, cancel);
            }

            await LineAsync(stream, cancel);
        }
        else if (headers.TryGetValue("Content-Length", out var length))
        {
            await CopyAsync(stream, int.Parse(length, NumberStyles.None, CultureInfo.InvariantCulture), body, cancel);
        }
        else
        {
            while (start < end || await FillAsync(stream, cancel)) await CopyAsync(stream, end - start, body, cancel);
        }

        return new Reply(status, headers, Encoding.UTF8.GetString(body.GetBuffer(), 0, (int)body.Length));
    }

    private async Task<string> LineAsync(NetworkStream stream, CancellationToken cancel)
    {
        var line = new StringBuilder();
        while (true)
        {
            if (start == end && !await FillAsync(stream, cancel)) throw new EndOfStreamException();
            var next = (char)buffer[start++];
            if (next == '\n') return line.ToString();
            if (next != '\r') line.Append(next);
        }
    }

    private async Task CopyAsync(NetworkStream stream, int count, MemoryStream to, CancellationToken cancel)
    {
        if (to.Length + count > MostRead) throw new InvalidDataException($"The answer has more than {MostRead} bytes.");
        while (count > 0)
        {
            if (start == end && !await FillAsync(stream, cancel)) throw new EndOfStreamException();
            var part = Math.Min(count, end - start);
            to.Write(buffer, start, part);
            (start, count) = (start + part, count - part);
        }
    }

    private async Task<bool> FillAsync(NetworkStream stream, CancellationToken cancel)
    {
        (start, end) = (0, await stream.ReadAsync(buffer, cancel));
        return end > 0;
    }
}
