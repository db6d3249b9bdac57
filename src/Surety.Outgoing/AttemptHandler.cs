using System.Globalization;

namespace Surety.Outgoing;

/// <summary>The innermost handler of a client: one attempt at a call, counted by how it ended.</summary>
internal sealed class AttemptHandler(string client, OutgoingCalls calls) : DelegatingHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var how = "failed";
        try
        {
            var answer = await base.SendAsync(Copy(request), cancellationToken);
            how = ((int)answer.StatusCode).ToString(CultureInfo.InvariantCulture);
            return answer;
        }
        finally
        {
            calls.Ended(client, how);
        }
    }

    /// <summary>A message may be on its way once only, and hedged ones are so twice. The content is in memory and may be shared.</summary>
    private static HttpRequestMessage Copy(HttpRequestMessage request)
    {
        var copy = new HttpRequestMessage(request.Method, request.RequestUri)
        {
            Content = request.Content, Version = request.Version, VersionPolicy = request.VersionPolicy,
        };
        foreach (var (header, values) in request.Headers.NonValidated) copy.Headers.TryAddWithoutValidation(header, values);
        foreach (var (option, value) in request.Options) ((IDictionary<string, object?>)copy.Options)[option] = value;
        return copy;
    }
}
