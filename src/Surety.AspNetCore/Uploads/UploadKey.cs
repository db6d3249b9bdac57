using System.Data.Common;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Idempotency;
using Surety.AspNetCore.Jobs;
using Surety.AspNetCore.Problems;
using Surety.AspNetCore.Security;
using Surety.Hosting;
using Surety.Intake;
using Surety.Storage;

namespace Surety.AspNetCore.Uploads;

/// <summary>
/// What a form is answered with, and its idempotency key. The record commits with the upload's completion.
/// </summary>
internal sealed class UploadKey(HttpContext http, UploadRoute route, string owner, string? key) : IOnce
{
    private readonly IOptions<EdgeOptions> options = http.RequestServices.GetRequiredService<IOptions<EdgeOptions>>();
    private readonly IIdempotencyStore records = http.RequestServices.GetRequiredService<IIdempotencyStore>();
    private KeyAnswer held = new(KeyState.Taken);
    private byte[] scoped = [];
    private Fingerprint? fingerprint;
    private StoredAnswer? answer;

    public async Task<bool> TakeAsync(DbTransaction transaction, ReadOnlyMemory<byte> sha256, CancellationToken cancel)
    {
        if (key is null) return true;
        scoped = Digest.OfKey(options.Value.TenantOf?.Invoke(http), owner, "POST", route.Pattern, key);
        fingerprint = Fingerprint.OfFile(http.Request, sha256);
        held = await records.TakeAsync(scoped, transaction, cancel);
        return held.State == KeyState.Taken;
    }

    public async Task AnswerAsync(DbTransaction transaction, MessageId message, CancellationToken cancel)
    {
        var services = http.RequestServices;
        var job = new JobAccepted(
            message, services.GetRequiredService<IQueueCatalog>()
                .KindOf(route.MessageType), MessageStatus.Queued, services.GetRequiredService<TimeProvider>().GetUtcNow(), owner);
        answer = job.Stored(http);
        if (fingerprint is not null)
            await records.AnswerAsync(
                scoped, new KeyRecord(answer, fingerprint.Bytes, options.Value.KeepAnswers), transaction, cancel);
    }

    /// <summary>What the client is told, once the commit is durable.</summary>
    public IResult Answer() => held.State switch
    {
        KeyState.Taken => new Stored(answer!, IsRepeat: false),
        KeyState.InProgress => UploadRequest.Refused(409, ProblemCodes.KeyInProgress, "Repeat the request in a moment to get its answer."),
        _ when !fingerprint!.Matches(held.Fingerprint) =>
            UploadRequest.Refused(
                422, ProblemCodes.KeyReused,
                "This key was used for a form with another file, or at another host. A new upload needs a new key."),
        _ => new Stored(held.Answer!, IsRepeat: true),
    };

    private sealed record Stored(StoredAnswer Answer, bool IsRepeat) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.StatusCode = Answer.Status;
            // What the protocol of resumption says has no place here.
            response.Headers.Remove(TusWords.Resumable);
            response.Headers.Remove("Link");
            foreach (var (name, value) in Answer.Headers) response.Headers[name] = value;
            if (IsRepeat) response.Headers["Idempotent-Replayed"] = "true";
            if (await httpContext.RequestServices.GetRequiredService<IPreferredAnswer>().InsteadAsync(httpContext) is { } instead)
            {
                await instead.ExecuteAsync(httpContext);
                return;
            }

            response.ContentLength = Answer.Body.Length;
            await response.Body.WriteAsync(Answer.Body);
        }
    }
}
