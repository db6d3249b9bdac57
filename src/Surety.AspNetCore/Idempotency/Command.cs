using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Surety.Storage;

namespace Surety.AspNetCore;

/// <summary>
/// One request to a command endpoint, from its first byte to its answer's: read the body, bind and validate, begin, take the key, handle,
/// write the answer into memory, store it, commit, send. This is the only road to an accepted answer.
/// </summary>
internal sealed class Command
{
    /// <summary>How often, and how far apart, the key of a commit in doubt is looked up before the outcome is called unknown.</summary>
    private const int MaxLookups = 5;
    private static readonly TimeSpan BetweenLookups = TimeSpan.FromMilliseconds(200);

    private static readonly string[] StoredHeaders =
        ["Content-Type", "Location", "Content-Location", "ETag", "Last-Modified", "Retry-After", "Link", "Content-Language", "Cache-Control", "Content-Disposition"];

    private readonly HttpContext http;
    private readonly bool keyRequired;
    private readonly EdgeOptions options;
    private readonly TimeProvider time;
    private readonly Database database;
    private readonly IIdempotencyStore records;
    private readonly KeysInFlight inFlight;
    private readonly Admission admission;
    private readonly ILogger logger;

    private CancellationTokenSource limit = null!;
    private CancellationTokenRegistration clientGone;
    private byte[]? key;
    private byte[] fingerprint = [];
    private bool entered;
    private OwnedUnitOfWork? work;
    private KeyAnswer held;
    private long began;
    private bool beganCalm;
    private AmbientUnit? unit;

    /// <summary>
    /// A COMMIT was sent, of this request's or of one that vouches for the request it repeats: whatever is thrown from now on, nobody may
    /// say that nothing happened, unless the store or a look-up has said so.
    /// </summary>
    public bool MayHaveEffect { get; private set; }

    public Command(HttpContext http, bool keyRequired)
    {
        this.http = http;
        this.keyRequired = keyRequired;
        var services = http.RequestServices;
        options = services.GetRequiredService<IOptions<EdgeOptions>>().Value;
        time = services.GetRequiredService<TimeProvider>();
        database = services.GetRequiredService<Database>();
        records = services.GetRequiredService<IIdempotencyStore>();
        inFlight = services.GetRequiredService<KeysInFlight>();
        admission = services.GetRequiredService<Admission>();
        logger = services.GetRequiredService<ILogger<Command>>();
    }

    public static Command Of(HttpContext http) => http.Features.Get<Command>()
        ?? throw new InvalidOperationException("The endpoint's request delegate was replaced after RequireIdempotencyKey() or AcceptIdempotencyKey() had wrapped it.");

    public async Task RunAsync(RequestDelegate next)
    {
        Failpoint.Pass(Failpoint.CommandReceived);
        var given = IdempotencyKey.Read(http.Request.Headers[IdempotencyKey.Header], out var fault);
        if (fault is null && given is null && keyRequired)
        {
            await Refused(400, Problems.KeyMissing, $"Send a key of your own in {IdempotencyKey.Header}: a new one for every command, the same one for every repeat of it.").ExecuteAsync(http);
            return;
        }

        if (fault is not null)
        {
            await Refused(400, Problems.KeyInvalid, fault).ExecuteAsync(http);
            return;
        }

        using var body = await RequestBody.BufferAsync(http, options, time);
        if (given is not null) Identify(given, body);

        // Arguments are bound before the transaction begins, the cancellation token with them: it has to be the command's own from the
        // start.
        var client = http.RequestAborted;
        using var source = limit = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        clientGone = client.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), source);
        using var answer = new AnswerBuffer(options.MaxAnswerBytes);
        http.Features.Set(this);
        IResult result;
        try
        {
            http.RequestAborted = source.Token;
            result = await AnswerAsync(next, answer);
        }
        catch (OperationCanceledException e) when (source.IsCancellationRequested && !client.IsCancellationRequested && !MayHaveEffect)
        {
            throw new CommandTimeoutException(e);
        }
        finally
        {
            http.RequestAborted = client;
            await clientGone.DisposeAsync();
            await UndoAsync();
            if (entered) inFlight.Leave(key!);
        }

        // Sent with nothing held: a client that reads slowly keeps neither the write lock nor its key.
        await result.ExecuteAsync(http);
    }

    /// <summary>
    /// Runs the endpoint and ends its unit of work. A violated constraint that the host has a problem for is an answer like any other,
    /// whether a statement met it or the commit.
    /// </summary>
    private async Task<IResult> AnswerAsync(RequestDelegate next, AnswerBuffer answer)
    {
        try
        {
            await HoldBackAsync(next, answer);
            return await EndAsync(answer);
        }
        catch (Exception e) when (work is not null && !MayHaveEffect && options.OfConstraints.Count > 0 && RefusalOf(e) is { } refusal)
        {
            await UndoAsync();
            ProblemMiddleware.Clear(http.Response);
            answer.SetLength(0);
            await HoldBackAsync(refusal.ExecuteAsync, answer);
            return key is not null && Endings.Of(http.Response.StatusCode) == Ending.Refuse ? await RememberRefusalAsync(key, answer) : new HeldAnswer(answer.Written);
        }
    }

    private ProblemResult? RefusalOf(Exception exception) =>
        ProblemMiddleware.KnownIn(http, exception) is { InDoubt: false, Kind: FailureKind.Mistake, Constraint: { } constraint } && options.OfConstraints.TryGetValue(constraint, out var known)
            ? Refused(known.Status, known.Code, known.Detail)
            : null;

    /// <summary>The filter around the handler: what comes before it can refuse the request without costing a transaction.</summary>
    public async ValueTask<object?> HandleAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate handler)
    {
        if (key is not null && inFlight.Contains(key)) return InProgress();

        Failpoint.Pass(Failpoint.CommandValidated);
        limit.CancelAfter(options.CommandTimeout);
        await BeginAsync();
        if (key is not null)
        {
            if (held.State != KeyState.Taken) return Results.Empty;
            // Not before: repeats of a finished command would refuse each other.
            entered = inFlight.TryEnter(key);
            Failpoint.Pass(Failpoint.KeyTaken);
        }

        unit?.Begin();
        // From here on the client's leaving stops nothing: if it comes back, the answer is there, instead of the same work from the start.
        clientGone.Unregister();
        http.RequestServices.GetRequiredService<EndpointWork>().Begin(work!, http.User.Principal());
        return await handler(context);
    }

    /// <summary>
    /// Begins, and takes the key. Tried twice: nothing has been done yet, and a connection that broke while it lay in its pool shows that
    /// only when it is used.
    /// </summary>
    private async Task BeginAsync()
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                (began, beganCalm) = (time.GetTimestamp(), admission.IsCalm);
                work = await database.BeginWithinAsync(options.CommandTimeout, limit.Token);
                admission.WaitedForStore(time.GetElapsedTime(began));
                if (key is not null) held = await records.TakeAsync(key, work.Transaction, limit.Token);
                return;
            }
            catch (StoreException e) when (e is { IsTransient: true, InDoubt: false } && tries == 1)
            {
                await UndoAsync();
            }
        }
    }

    private void Identify(string given, MemoryStream body)
    {
        var request = http.Request;
        var principal = http.User.Named();
        var route = (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? request.Path.Value!;
        key = Digest.OfKey(principal, request.Method, route, given);
        var target = request.PathBase.Add(request.Path).ToUriComponent() + request.QueryString.ToUriComponent();
        fingerprint = Digest.OfRequest(request.Method, target, request.ContentType, body.GetBuffer().AsSpan(0, (int)body.Length));
    }

    /// <summary>Runs the endpoint with its answer going into memory.</summary>
    private async Task HoldBackAsync(RequestDelegate next, AnswerBuffer answer)
    {
        var wire = http.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        var memory = new StreamResponseBodyFeature(answer);
        http.Features.Set<IHttpResponseBodyFeature>(memory);
        // Here, above the handler, its filters and the writing of its answer: what the method that begins the unit of work marks is lost
        // when it returns.
        unit = AmbientUnit.Enter(http.RequestServices.GetRequiredService<IStore>().StoreId, begun: false);
        try
        {
            await next(http);
            if (answer.Length == 0 && ProblemMiddleware.IsBareError(http.Response)) await new ProblemResult(new ProblemDetails()).ExecuteAsync(http);
            await memory.CompleteAsync();
        }
        finally
        {
            // Before anything of ours is written beside it: a refusal, or the look-up of a commit in doubt.
            unit.Dispose();
            http.Features.Set(wire);
        }
    }

    private async Task<IResult> EndAsync(AnswerBuffer answer)
    {
        // Refused before the transaction: by binding, validation, a filter, or because the key is in use here.
        if (work is null) return new HeldAnswer(answer.Written);
        if (held.State != KeyState.Taken) return await RepeatAsync(work, held);
        switch (Endings.Of(http.Response.StatusCode))
        {
            case Ending.Commit:
                return await CommitAsync(work, answer);
            case Ending.Refuse when key is not null:
                await work.RollbackAsync();
                return await RememberRefusalAsync(key, answer);
            default:
                await work.RollbackAsync();
                return new HeldAnswer(answer.Written);
        }
    }

    private async Task<IResult> CommitAsync(OwnedUnitOfWork work, AnswerBuffer answer)
    {
        // A handler that pays no heed to its token would otherwise end after its time, if without a key.
        limit.Token.ThrowIfCancellationRequested();
        Failpoint.Pass(Failpoint.CommandHandled);
        MayHaveEffect = true;
        try
        {
            if (key is null) await work.CommitAsync();
            else await records.AnswerAndCommitAsync(key, Record(answer), work);
        }
        catch (StoreException failed) when (!failed.InDoubt)
        {
            // The store's word: nothing of it happened.
            MayHaveEffect = false;
            throw;
        }
        catch (InvalidOperationException e) when (e is not ObjectDisposedException)
        {
            // The handler has ended the transaction itself, or the key got an answer all the same. A look-up would not show what the
            // handler did.
            throw;
        }
        catch (Exception e)
        {
            // Whatever its type: a connection that breaks shows as many.
            var doubt = e as StoreException ?? new StoreException($"The commit failed, and it is not known whether it happened. ({e.GetType().Name}: {e.Message})", isTransient: true, inDoubt: true, e);
            if (key is null) throw doubt;
            logger.CommitInDoubt(doubt);
            await UndoAsync();
            return await ResolveAsync(key, doubt);
        }

        Failpoint.Pass(Failpoint.CommandCommitted);
        admission.Ended(http.GetEndpoint()!.Metadata.GetRequiredMetadata<CommandMetadata>().Pace, time.GetElapsedTime(began), beganCalm);
        return new HeldAnswer(answer.Written);
    }

    /// <summary>
    /// The handler's writes are gone; its answer is stored in a transaction of its own. Should another process have used the key in
    /// between, its answer is the one.
    /// </summary>
    private async Task<IResult> RememberRefusalAsync(byte[] key, AnswerBuffer answer)
    {
        await using var second = await database.BeginWithinAsync(options.CommandTimeout, limit.Token);
        var now = await records.TakeAsync(key, second.Transaction, limit.Token);
        if (now.State != KeyState.Taken) return await RepeatAsync(second, now);
        try
        {
            await records.AnswerAndCommitAsync(key, Record(answer), second);
        }
        catch (Exception doubt) when (doubt is not StoreException { InDoubt: false })
        {
            // A refusal has no effect, whether or not it is remembered.
            throw new StoreException("It is not known whether a refusal was stored under its idempotency key.", isTransient: true, inDoubt: false, doubt);
        }

        return new HeldAnswer(answer.Written);
    }

    /// <summary>
    /// Another request has, or had, the key. Its record was written to when it was found; once that has committed, what it says is durable.
    /// </summary>
    private async Task<IResult> RepeatAsync(OwnedUnitOfWork work, KeyAnswer held)
    {
        Discard();
        if (held.State == KeyState.InProgress)
        {
            await work.RollbackAsync();
            return InProgress();
        }

        // The first request's effect.
        MayHaveEffect = true;
        try
        {
            await work.CommitAsync();
        }
        catch (Exception failed) when (failed is not StoreException { InDoubt: true })
        {
            // This request did nothing, but it cannot vouch for the first one either.
            throw new StoreException("The answer stored under an idempotency key could not be confirmed as durable.", isTransient: true, inDoubt: true, failed);
        }

        return held.Fingerprint.Span.SequenceEqual(fingerprint)
            ? new RepeatedAnswer(held.Answer!)
            : Refused(422, Problems.KeyReused, "This key was used for a request with another method, target, content type or body. A new command needs a new key.");
    }

    /// <summary>
    /// After a commit whose end nobody reported: the key's record says whether it happened, once looking it up has committed a write of its
    /// own.
    /// </summary>
    private async Task<IResult> ResolveAsync(byte[] key, StoreException doubt)
    {
        for (var attempt = 1; attempt <= MaxLookups; attempt++)
        {
            if (attempt > 1) await Task.Delay(BetweenLookups, time, CancellationToken.None);
            try
            {
                using var patience = new CancellationTokenSource(options.CommandTimeout, time);
                var (state, answer) = await LookUpAsync(key, patience.Token);
                if (answer is not null) return answer;
                if (state != KeyState.Taken) continue;
                MayHaveEffect = false;
            }
            catch (Exception e)
            {
                // Whatever its type: it has said nothing, and so the outcome stays unknown.
                logger.LookupFailed(e, attempt);
                continue;
            }

            throw new NotCommittedException(doubt);
        }

        throw doubt;
    }

    /// <summary>What holds the key, and the answer if it has one. When nobody does, that is certain.</summary>
    private async Task<(KeyState State, IResult? Answer)> LookUpAsync(byte[] key, CancellationToken cancel)
    {
        await using var lookup = await database.BeginWithinAsync(options.CommandTimeout, cancel);
        var now = await records.TakeAsync(key, lookup.Transaction, cancel);
        if (now.State == KeyState.Answered) return (now.State, await RepeatAsync(lookup, now));
        await lookup.RollbackAsync();
        if (now.State == KeyState.Taken) await BarrierAsync(cancel);
        return (now.State, null);
    }

    /// <summary>
    /// A durable write of no meaning. Until there is one, a commit that failed at its sync could still come back out of the log after a
    /// crash.
    /// </summary>
    private async Task BarrierAsync(CancellationToken cancel)
    {
        await using var barrier = await database.BeginWithinAsync(options.CommandTimeout, cancel);
        await records.AnswerAsync(
            RandomNumberGenerator.GetBytes(32), new KeyRecord(new StoredAnswer(StatusCodes.Status204NoContent, new Dictionary<string, string>(), default), fingerprint, TimeSpan.FromMinutes(1)), barrier.Transaction, cancel);
        await barrier.CommitAsync();
    }

    private async Task UndoAsync()
    {
        if (work is null) return;
        try
        {
            await work.DisposeAsync();
        }
        catch (Exception e)
        {
            // In place of what the request came to, it would say nothing true.
            logger.RollbackFailed(e);
        }

        work = null;
    }

    private KeyRecord Record(AnswerBuffer answer)
    {
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in StoredHeaders)
            if (http.Response.Headers.TryGetValue(name, out var value) && value.Count > 0) headers[name] = value.ToString();
        return new KeyRecord(new StoredAnswer(http.Response.StatusCode, headers, answer.Written), fingerprint, options.KeepAnswers);
    }

    private void Discard()
    {
        foreach (var name in StoredHeaders) http.Response.Headers.Remove(name);
    }

    private IResult InProgress()
    {
        http.Response.Headers.RetryAfter = "1";
        return Refused(409, Problems.KeyInProgress, "Repeat the request in a moment to get its answer.");
    }

    private static ProblemResult Refused(int status, string code, string detail) => new(Problems.Create(status, code, detail));

    /// <summary>The handler's own answer; status and headers are on the response already.</summary>
    private sealed class HeldAnswer(ReadOnlyMemory<byte> body) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => SendAsync(httpContext.Response, body);
    }

    /// <summary>The answer a request with the same key got before.</summary>
    private sealed class RepeatedAnswer(StoredAnswer stored) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.StatusCode = stored.Status;
            foreach (var (name, value) in stored.Headers) response.Headers[name] = value;
            response.Headers["Idempotent-Replayed"] = "true";
            return SendAsync(response, stored.Body);
        }
    }

    private static async Task SendAsync(HttpResponse response, ReadOnlyMemory<byte> body)
    {
        if (await PreferredAnswer.InsteadAsync(response.HttpContext) is { } instead)
        {
            await instead.ExecuteAsync(response.HttpContext);
            return;
        }

        // These statuses end with the headers; a body the handler wrote all the same could not be sent.
        if (body.IsEmpty || response.StatusCode is StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent or StatusCodes.Status304NotModified) return;
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body);
    }
}
