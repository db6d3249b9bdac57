namespace Surety.Outgoing;

/// <summary>Reads a call's content once, so that it can be sent again.</summary>
internal sealed class BufferedContent : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Content is { } content) await content.LoadIntoBufferAsync(cancellationToken);
        return await base.SendAsync(request, cancellationToken);
    }
}
