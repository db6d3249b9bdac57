using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;

namespace Surety.Rigs;

/// <summary>
/// Does what a client has to do to be safe: one key a command, and the same request again after every answer that leaves doubt (none at
/// all, 5xx, 409 in progress, 429), until there is a certain one. Every request goes to the next node, as behind a load balancer, so that a
/// command repeated is one node's word against another's.
/// </summary>
internal sealed class HonestClient(IReadOnlyList<Node> nodes)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    // Clients that knock more often take the processor from the backend that is starting.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private int sent;

    /// <summary>Called when a request is about to leave, with the node it goes to.</summary>
    public Action<Node>? Started { get; init; }

    /// <summary>Called with the time an answered request took.</summary>
    public Action<TimeSpan>? Answered { get; init; }

    /// <summary>Called when a command was accepted, with the timestamp at which that request had left.</summary>
    public Action<long>? Accepted { get; init; }

    public async Task<Answer> SendAsync(Command command, CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        for (var sends = 1; ; sends++)
        {
            if (await TryAsync(command, cancel) is { } answer) return answer with { Sends = sends };
            if (Stopwatch.GetElapsedTime(began) > Patience)
                throw new StuckException(
                    $"{command.Kind} {command.Reference} got no certain answer within {Patience.TotalSeconds} s and {sends} requests.");
            await Task.Delay(Pause, cancel);
        }
    }

    private async Task<Answer?> TryAsync(Command command, CancellationToken cancel)
    {
        var node = nodes[(int)((uint)Interlocked.Increment(ref sent) % nodes.Count)];
        using var request = new HttpRequestMessage(HttpMethod.Post, command.Path) { Content = new ByteArrayContent(command.Body()) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("Idempotency-Key", command.Reference);
        try
        {
            Started?.Invoke(node);
            var began = Stopwatch.GetTimestamp();
            using var response = await node.Http.SendAsync(request, cancel);
            var body = await response.Content.ReadAsStringAsync(cancel);
            Answered?.Invoke(Stopwatch.GetElapsedTime(began));
            if (response.StatusCode is HttpStatusCode.Conflict or HttpStatusCode.TooManyRequests || (int)response.StatusCode >= 500)
                return null;
            var answer = new Answer(command, (int)response.StatusCode, body, 1, response.Headers.Contains("Idempotent-Replayed"));
            if (answer.Accepted) Accepted?.Invoke(began);
            return answer;
        }
        catch (HttpRequestException)
        {
            return null;
        }
        catch (TaskCanceledException) when (!cancel.IsCancellationRequested)
        {
            return null;
        }
    }
}

/// <summary>A key that never got a certain answer.</summary>
internal sealed class StuckException(string message) : Exception(message);
