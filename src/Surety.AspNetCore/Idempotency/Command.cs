using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Limits;
using Surety.AspNetCore.Problems;
using Surety.Storage;

namespace Surety.AspNetCore.Idempotency;

/// <summary>
/// One request to a command endpoint, from its first byte to its answer's. This is the only road to an accepted answer, and these are its
/// steps: read the key and the body, bind and validate, admit, begin and take the key, handle with the answer going into memory, store the
/// answer and commit, write.
/// </summary>
internal sealed class Command
{
    private readonly HttpContext http;
    private readonly bool keyRequired;
    private readonly CommandServices services;
    private readonly CommandRequest request;
    private readonly CommandWork work;
    private readonly Pace pace;

    public Command(HttpContext http, bool keyRequired, Pace pace)
    {
        (this.http, this.keyRequired, this.pace) = (http, keyRequired, pace);
        services = http.RequestServices.GetRequiredService<CommandServices>();
        request = new CommandRequest(http, services);
        work = new CommandWork(services);
    }

    public async Task RunAsync(RequestDelegate endpoint)
    {
        services.Failpoints.Pass(Failpoint.CommandReceived);
        if (ReadKey(out var given) is { } refusal)
        {
            await refusal.ExecuteAsync(http);
            return;
        }

        var caller = given is null ? http.User.Keepable() : http.User.Named();
        using var body = await RequestBody.BufferAsync(http, services.Options, services.Time);
        if (given is not null) request.Key = await CommandKey.OfAsync(http, services.Options.TenantOf?.Invoke(http), caller, given, body);
        using var answer = new AnswerBuffer(services.Options.MaxAnswerBytes);
        using var time = new CommandTime(http, services.Time);
        var result = await WorkAsync(endpoint, answer, time);
        // Sent with nothing held: a client that reads slowly keeps neither the write lock nor its key.
        await result.ExecuteAsync(http);
    }

    private ProblemResult? ReadKey(out string? given)
    {
        given = IdempotencyKey.Read(http.Request.Headers[IdempotencyKey.Header], out var fault);
        if (fault is not null) return CommandRequest.Refused(400, ProblemCodes.KeyInvalid, fault);
        if (given is not null || !keyRequired) return null;
        return CommandRequest.Refused(
            400, ProblemCodes.KeyMissing,
            $"Send a key of your own in {IdempotencyKey.Header}: a new one for every command, the same one for every repeat of it.");
    }

    /// <summary>Everything between the request's last byte and the answer's first; afterwards nothing is held.</summary>
    private async Task<IResult> WorkAsync(RequestDelegate endpoint, AnswerBuffer answer, CommandTime time)
    {
        http.Features.Set<IRequestEffect>(request);
        // The framework binds and validates inside the endpoint, and so it is there that the handler's turn comes.
        http.Features.Set(new BoundEndpoint(handler => HandleAsync(handler, time)));
        try
        {
            return await AnswerAsync(endpoint, answer, new CommandEnd(request, work, time, pace));
        }
        catch (OperationCanceledException e) when (time.IsOver && !request.MayHaveEffect)
        {
            throw new CommandTimeoutException(e);
        }
        finally
        {
            await time.ReturnAsync();
            await work.UndoAsync();
            work.LeaveKey();
        }
    }

    /// <summary>
    /// Runs the endpoint and ends its unit of work. A violated constraint that the host has a problem for is an answer like any other,
    /// whether a statement met it or the commit.
    /// </summary>
    private async Task<IResult> AnswerAsync(RequestDelegate endpoint, AnswerBuffer answer, CommandEnd end)
    {
        try
        {
            await HoldBackAsync(endpoint, answer);
            return await end.FinishAsync(answer);
        }
        catch (Exception e) when (work.Unit is not null && !request.MayHaveEffect && RefusalOf(e) is { } refusal)
        {
            await work.UndoAsync();
            ProblemMiddleware.Clear(http.Response);
            answer.SetLength(0);
            await HoldBackAsync(refusal.ExecuteAsync, answer);
            return request.Key is { } key && Endings.Of(http.Response.StatusCode) == Ending.Refuse
                ? await end.RememberRefusalAsync(key, answer)
                : new HeldAnswer(answer.Written);
        }
    }

    private ProblemResult? RefusalOf(Exception exception)
    {
        var constraints = services.Options.OfConstraints;
        if (constraints.Count == 0) return null;
        return ProblemMiddleware.KnownIn(http, exception) is { InDoubt: false, Kind: FailureKind.Mistake, Constraint: { } constraint }
            && constraints.TryGetValue(constraint, out var known)
            ? CommandRequest.Refused(known.Status, known.Code, known.Detail)
            : null;
    }

    /// <summary>Runs the endpoint with its answer going into memory.</summary>
    private async Task HoldBackAsync(RequestDelegate next, AnswerBuffer answer)
    {
        var wire = http.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        var memory = new StreamResponseBodyFeature(answer);
        http.Features.Set<IHttpResponseBodyFeature>(memory);
        // Here, above the handler, its filters and the writing of its answer: what the method that begins the unit of work marks is lost
        // when it returns.
        using (request.Flow = AmbientUnit.Enter(services.Store.StoreId, begun: false))
        {
            try
            {
                await next(http);
                if (answer.Length == 0 && ProblemMiddleware.IsBareError(http.Response))
                    await new ProblemResult(new ProblemDetails()).ExecuteAsync(http);
                await memory.CompleteAsync();
            }
            finally
            {
                http.Features.Set(wire);
            }
        }
    }

    /// <summary>
    /// What stands between the validated request and its handler. Whatever comes before it can refuse the request without costing a
    /// transaction.
    /// </summary>
    private async ValueTask<object?> HandleAsync(Func<ValueTask<object?>> handler, CommandTime time)
    {
        if (request.Key is { } key && services.InFlight.Contains(key.Digest)) return request.InProgress();

        services.Failpoints.Pass(Failpoint.CommandValidated);
        time.Limit(services.Options.CommandTimeout);
        await work.BeginAsync(request.Key, time.Token);
        if (request.Key is not null)
        {
            if (work.Held.State != KeyState.Taken) return Results.Empty;
            // Not before: repeats of a finished command would refuse each other.
            work.EnterKey(request.Key);
            services.Failpoints.Pass(Failpoint.KeyTaken);
        }

        request.Flow?.Begin();
        // If the client comes back, the answer is there, instead of the same work from the start.
        time.OutliveClient();
        http.RequestServices.GetRequiredService<EndpointWork>().Begin(work.Unit!, http.User.Principal());
        return await handler();
    }
}
