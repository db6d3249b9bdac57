namespace Surety.AspNetCore.Tests;

/// <summary>Reads an event stream as a browser would, and keeps what it saw.</summary>
internal sealed class EventReader : IDisposable
{
    private readonly HttpResponseMessage response;
    private readonly StreamReader lines;

    private EventReader(HttpResponseMessage response, StreamReader lines) => (this.response, this.lines) = (response, lines);

    public string? LastId { get; private set; }

    public int? RetryMs { get; private set; }

    public int Comments { get; private set; }

    public string? this[string header] => response.Headers.TryGetValues(header, out var values)
        || response.Content.Headers.TryGetValues(header, out values) ? string.Join(", ", values) : null;

    public static async Task<EventReader> OpenAsync(HttpClient client, string path, string? lastId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (lastId is not null) request.Headers.Add("Last-Event-ID", lastId);
        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        ((int)response.StatusCode)
            .ShouldBe(200, response.StatusCode == System.Net.HttpStatusCode.OK ? null : await response.Content.ReadAsStringAsync());
        return new EventReader(response, new StreamReader(await response.Content.ReadAsStreamAsync())) { LastId = lastId };
    }

    /// <summary>The next event; null when the stream has ended.</summary>
    public async Task<ServerEvent?> NextAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var (name, data, id) = ("message", (string?)null, (string?)null);
        while (await lines.ReadLineAsync(limit.Token) is { } line)
        {
            if (line.StartsWith(':')) Comments++;
            else if (line.StartsWith("retry: ", StringComparison.Ordinal))
                RetryMs = int.Parse(line[7..], System.Globalization.CultureInfo.InvariantCulture);
            else if (line.StartsWith("id: ", StringComparison.Ordinal)) LastId = id = line[4..];
            else if (line.StartsWith("event: ", StringComparison.Ordinal)) name = line[7..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal)) data = line[6..];
            else if (line.Length == 0 && data is not null)
                return new ServerEvent(id, name, System.Text.Json.JsonDocument.Parse(data).RootElement);
        }

        return null;
    }

    /// <summary>Waits until so many comments have come; events are not expected.</summary>
    public async Task CommentsAsync(int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (Comments < count)
        {
            if ((await lines.ReadLineAsync(limit.Token)).ShouldNotBeNull("the stream has ended").StartsWith(':')) Comments++;
        }
    }

    public void Dispose()
    {
        lines.Dispose();
        response.Dispose();
    }
}

/// <summary>One event.</summary>
internal sealed record ServerEvent(string? Id, string Name, System.Text.Json.JsonElement Data)
{
    public string Status => Data.GetProperty("status").GetString()!;

    public long? Done => Data.GetProperty("progress") is { ValueKind: System.Text.Json.JsonValueKind.Object } progress
        ? progress.GetProperty("done").GetInt64() : null;
}
