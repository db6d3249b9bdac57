using Microsoft.AspNetCore.Http;

namespace Surety.AspNetCore.Idempotency;

/// <summary>
/// How long a command may work: until its client leaves, as long as nothing has begun, and from then on until its time limit is over. It is
/// the request's cancellation token from the start, because the handler's argument is bound before the transaction begins.
/// </summary>
internal sealed class CommandTime : IDisposable
{
    private readonly HttpContext http;
    private readonly CancellationToken client;
    private readonly CancellationTokenSource source;
    private readonly CancellationTokenRegistration clientLeft;

    public CommandTime(HttpContext http, TimeProvider time)
    {
        (this.http, client) = (http, http.RequestAborted);
        source = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        clientLeft = client.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), source);
        http.RequestAborted = source.Token;
    }

    public CancellationToken Token => source.Token;

    /// <summary>The time limit has passed, and the client is still there.</summary>
    public bool IsOver => source.IsCancellationRequested && !client.IsCancellationRequested;

    public void Limit(TimeSpan limit) => source.CancelAfter(limit);

    /// <summary>From here on the client's leaving stops nothing.</summary>
    public void OutliveClient() => clientLeft.Unregister();

    /// <summary>The request has its client's token again.</summary>
    public ValueTask ReturnAsync()
    {
        http.RequestAborted = client;
        return clientLeft.DisposeAsync();
    }

    public void Dispose() => source.Dispose();
}
