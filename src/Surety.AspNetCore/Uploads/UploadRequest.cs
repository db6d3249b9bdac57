using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Jobs;
using Surety.AspNetCore.Problems;
using Surety.Intake;
using Surety.Storage;

namespace Surety.AspNetCore.Uploads;

/// <summary>One request to an upload endpoint: tus 1.0.0, and the way into a multipart form.</summary>
internal sealed class UploadRequest
{
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly HttpContext http;
    private readonly UploadRoute route;
    private readonly UploadIntake uploads;
    private readonly string owner;

    public UploadRequest(HttpContext http, UploadRoute route)
    {
        (this.http, this.route, owner) = (http, route, http.User.Named());
        uploads = http.RequestServices.GetRequiredService<UploadIntake>();
        Response.Headers[TusWords.Resumable] = TusWords.Version;
        Response.Headers.CacheControl = "no-store";
        // Means nothing unless the host's CORS policy lets the origin in.
        if (Request.Headers.Origin.Count > 0) Response.Headers.AccessControlExposeHeaders = TusWords.Exposed;
    }

    private HttpRequest Request => http.Request;

    private HttpResponse Response => http.Response;

    private UploadOptions Options => route.Options;

    /// <summary>The owner's: a request of another principal, or by another route, must not stop the one that writes.</summary>
    public string LockOf(string id) => $"{id}\n{route.Pattern}\n{owner}";

    public Task OptionsAsync()
    {
        Response.StatusCode = StatusCodes.Status204NoContent;
        Response.Headers["Tus-Version"] = TusWords.Version;
        Response.Headers["Tus-Extension"] = TusWords.Extensions;
        Response.Headers["Tus-Max-Size"] = Text(Options.MaxBytes);
        Response.Headers["Tus-Checksum-Algorithm"] = TusWords.ChecksumAlgorithms;
        return Task.CompletedTask;
    }

    public async Task PostAsync()
    {
        var answer = Request.Headers[TusWords.Resumable].Count == 0
            && Request.ContentType?.StartsWith("multipart/form-data", StringComparison.OrdinalIgnoreCase) == true
            ? await new MultipartUpload(http, route, uploads, owner, this).ReceiveAsync()
            : await CreateAsync();
        await answer.ExecuteAsync(http);
    }

    /// <summary>HEAD, PATCH and DELETE, each also as a POST that says so: some proxies let nothing else through.</summary>
    public async Task AtUploadAsync()
    {
        var method = Request.Headers[TusWords.MethodOverride] is { Count: > 0 } named && HttpMethods.IsPost(Request.Method)
            ? named.ToString().ToUpperInvariant() : Request.Method;
        var answer = WrongVersion() ?? NotSpoken() ?? method switch
        {
            "HEAD" => await HeadAsync(),
            "PATCH" => await PatchAsync(),
            "DELETE" => await DeleteAsync(),
            _ => NotAllowed(),
        };
        await answer.ExecuteAsync(http);
    }

    private async Task<IResult> CreateAsync()
    {
        if (ReadCreation(out var length, out var metadata, out var brings) is { } bad) return bad;
        if (await BeginAsync(length, metadata) is not { } upload) return TooMany();
        if (brings || length == 0) return await CreateWithContentAsync(upload, brings);
        Created(Address(upload.Id), upload, 0);
        return Results.StatusCode(StatusCodes.Status201Created);
    }

    /// <summary>What is wrong with the request; null when nothing is.</summary>
    private ProblemResult? ReadCreation(out long? length, out Dictionary<string, string> metadata, out bool brings)
    {
        (length, metadata) = (null, []);
        brings = Request.ContentLength > 0 || (Request.ContentLength is null && Request.ContentType is not null);
        if ((WrongVersion() ?? NotSpoken() ?? ReadLength(out length)) is { } bad) return bad;
        if (!Tus.TryReadMetadata(Request.Headers[TusWords.UploadMetadata].ToString(), out metadata))
        {
            return Refused(
                400, "bad-request",
                $"{TusWords.UploadMetadata} must be at most 32 pairs of a name and a value in base64, separated by commas, 4,096 "
                + "characters in all.");
        }

        return CheckMetadata(metadata) ?? CheckContent(length, brings);
    }

    private ProblemResult? CheckContent(long? length, bool brings)
    {
        if (brings && !IsOffsetStream()) return WrongType(TusWords.OffsetStream);
        if (length < Request.ContentLength)
            return TooLarge($"The body has {Request.ContentLength} bytes, and the upload is to have {length}.");
        if (length is null && Request.ContentLength > Options.MaxBytes) return TooLarge(MaxText);
        return brings ? ReadChecksum(out _, out _) : null;
    }

    private async Task<IResult> CreateWithContentAsync(UploadRecord upload, bool brings)
    {
        using var held = await uploads.Locks.EnterAsync(LockOf(upload.Id), LockPatience, http.RequestAborted);
        if (held is null) return Locked();
        var told = false;
        try
        {
            if (brings)
            {
                var (taken, refusal) = await TakeAsync(upload.Id, 0);
                if (refusal is not null) return refusal;
                (upload, var broken) = await ReceiveAsync(taken!, held);
                if (broken is not null) return broken;
            }

            if (await FinishAsync(upload) is { } ended && ended is not Finished) return ended;
            Created(Address(upload.Id), upload, upload.Offset);
            told = true;
            return Results.StatusCode(StatusCodes.Status201Created);
        }
        catch (StoreException doubt) when (doubt.InDoubt)
        {
            // It may be complete: the sweep finds out.
            told = true;
            throw;
        }
        finally
        {
            // Nobody learns its address, so nobody could go on with it.
            if (!told) await uploads.DeleteAsync(upload, CancellationToken.None);
        }
    }

    private async Task<IResult> HeadAsync()
    {
        using var held = await uploads.Locks.EnterAsync(LockOf(Id), LockPatience, http.RequestAborted);
        if (held is null) return Locked();
        var (upload, refusal) = await FindAsync();
        if (refusal is not null) return refusal;
        // Killed between the last byte and the completion: a client that sees all of it here would never come back.
        if (await FinishAsync(upload!) is { } ended && ended is not Finished) return ended;
        Describe(upload!);
        Response.Headers[TusWords.UploadOffset] = Text(upload!.Offset);
        if (upload.Length is { } length) Response.Headers[TusWords.UploadLength] = Text(length);
        else Response.Headers[TusWords.UploadDeferLength] = "1";
        if (upload.Metadata.Count > 0) Response.Headers[TusWords.UploadMetadata] = Tus.WriteMetadata(upload.Metadata);
        return Results.StatusCode(StatusCodes.Status200OK);
    }

    private async Task<IResult> PatchAsync()
    {
        if (!IsOffsetStream()) return WrongType(TusWords.OffsetStream);
        if (!Tus.TryReadNumber(Request.Headers[TusWords.UploadOffset], out var offset))
            return Refused(400, "bad-request", $"{TusWords.UploadOffset} must be the number of bytes that are there already.");
        if (ReadChecksum(out _, out _) is { } unread) return unread;
        using var held = await uploads.Locks.EnterAsync(LockOf(Id), LockPatience, http.RequestAborted);
        if (held is null) return Locked();
        var (taken, refusal) = await TakeAsync(Id, offset);
        if (refusal is not null) return refusal;
        var upload = taken!;
        if (upload.State == UploadState.Open)
        {
            (upload, var bad) = await DeclareAsync(upload);
            if (bad is not null) return bad;
            (upload, var broken) = await ReceiveAsync(upload, held);
            if (broken is not null) return broken;
        }

        if (await FinishAsync(upload) is { } ended && ended is not Finished) return ended;
        Describe(upload);
        Response.Headers[TusWords.UploadOffset] = Text(upload.Offset);
        return Results.StatusCode(StatusCodes.Status204NoContent);
    }

    private async Task<IResult> DeleteAsync()
    {
        using var held = await uploads.Locks.EnterAsync(LockOf(Id), LockPatience, http.RequestAborted);
        if (held is null) return Locked();
        var (upload, refusal) = await FindAsync();
        if (refusal is not null) return refusal;
        if (await uploads.DeleteAsync(upload!, http.RequestAborted)) return Results.StatusCode(StatusCodes.Status204NoContent);
        return Refused(409, ProblemCodes.UploadComplete, "All of it is there and its job was enqueued. Cancel the job instead.");
    }

    public ValueTask<UploadRecord?> BeginAsync(long? length, Dictionary<string, string> metadata)
    {
        var upload =
            new NewUpload { Id = RandomNumberGenerator.GetHexString(40, lowercase: true), Route = route.Pattern, Owner = owner,
                Length = length, Metadata = metadata };
        return uploads.BeginAsync(upload, Options.ExpireAfter, Options.MaxOpen, http.RequestAborted);
    }

    public ProblemResult? CheckMetadata(Dictionary<string, string> metadata)
    {
        // PostgreSQL has no text with it, and a message or a table of the host's would be the place to learn that.
        foreach (var (name, value) in metadata)
        {
            if (name.Contains('\0', StringComparison.Ordinal) || value.Contains('\0', StringComparison.Ordinal))
                return new ProblemResult(RequestShape.Unkept(name));
        }

        if (!Options.Takes(metadata.GetValueOrDefault("filetype")))
            return WrongType(string.Join(", ", Options.ContentTypes), "The upload's filetype");
        return metadata.TryGetValue("sha256", out var digest) && !Tus.IsDigest(digest)
            ? Refused(400, "bad-request", "The value of sha256 must be 64 hexadecimal digits.") : null;
    }

    /// <summary>Bodies may be as large as the upload, and must not come slower than promised.</summary>
    public void SetLimits()
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = null;
        if (HttpProtocol.IsHttp11(Request.Protocol) && http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = new MinDataRate(Options.MinBytesPerSecond, Grace);
    }

    /// <summary>Completes the upload when all of it is there. Null when it is not.</summary>
    /// <param name="upload">As it was found.</param>
    /// <param name="once">The request's key, if it has one.</param>
    public async Task<IResult?> FinishAsync(UploadRecord upload, IOnce? once = null)
    {
        if (upload.WasCompleted) return new Finished(Point(upload));
        if (upload.State != UploadState.Open || upload.Length is not { } length || upload.Offset != length) return null;
        var enqueue = new EnqueueOptions { Tracked = true, Owner = owner.Length == 0 ? null : owner };
        // The client may leave now: the bytes are here, and so is the job.
        var done = await uploads.CompleteAsync(
            upload, upload.Metadata.GetValueOrDefault("sha256"), u => new Envelope(route.Message(u), enqueue), () =>
                StillAllowed.CheckAsync(http, owner), once, CancellationToken.None);
        switch (done.Kind)
        {
            case CompletionKind.Complete:
                return new Finished(Point(done.Upload));
            case CompletionKind.Repeated:
                return new Finished(done.Upload);
            case CompletionKind.OtherContent:
                return Refused(
                    460, ProblemCodes.DigestMismatch,
                    "The digest of what was stored is not the one that was announced. The upload is deleted; begin a new one.");
            case CompletionKind.NotAllowed:
                return Refused(
                    403, "forbidden",
                    "The credential was good when this request began and is no longer. Nothing was enqueued; the upload can be completed "
                        + "with a good one until it expires.");
            default:
                return await LostAsync(upload, completing: true);
        }
    }

    /// <summary>Takes what the request brings. No refusal when all of it was taken.</summary>
    private async Task<(UploadRecord Upload, IResult? Refusal)> ReceiveAsync(UploadRecord upload, UploadLocks.Held held)
    {
        ReadChecksum(out var algorithm, out var expected);
        var room = (upload.Length ?? Options.MaxBytes) - upload.Offset;
        if (Request.ContentLength > room)
        {
            var detail = upload.Length is null ? MaxText : $"The body has {Request.ContentLength} bytes, and {room} are missing.";
            return (upload, TooLarge(detail));
        }

        // All of it is there, and only its completion is missing.
        if (room == 0) return (upload, null);
        SetLimits();
        using var checksum = expected.Length == 0 ? null : new Checksum(algorithm, expected);
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, held.Interrupted);
        var written = await uploads.WriteAsync(upload, Request.Body, room, checksum, reading.Token);
        return (written.Upload, await JudgeAsync(written, held.Interrupted.IsCancellationRequested));
    }

    public async Task<IResult?> JudgeAsync(Written written, bool interrupted)
    {
        if (written.Lost) return await LostAsync(written.Upload, completing: false);
        if (written.TooLong)
            return TooLarge(
                written.Upload.Length is null ? MaxText : $"More came than the {written.Upload.Length} bytes the upload is to have.");
        if (written.Mismatch)
            return Refused(460, ProblemCodes.ChecksumMismatch, $"The body was discarded; send it again from {written.Offset} on.");
        if (written.Broken is null) return null;
        if (interrupted && !http.RequestAborted.IsCancellationRequested) return Locked();
        // Too slow, half a chunk, a client that left: the outermost layer has an answer for each.
        System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(written.Broken);
        return null;
    }

    /// <summary>What became of an upload that somebody else ended, completed or took meanwhile.</summary>
    private async Task<IResult> LostAsync(UploadRecord upload, bool completing)
    {
        upload = await uploads.LookAsync(upload.Id, CancellationToken.None) ?? upload;
        return upload.State switch
        {
            // Another node's request came after this one. What this one brought since its last step is not kept.
            UploadState.Open => Locked(),
            _ when upload.WasCompleted => completing ? new Finished(Point(upload)) : OffsetMismatch(upload.Offset),
            _ => Ended(upload),
        };
    }

    /// <summary>Makes this request the upload's writer, if it may be, at this offset.</summary>
    private async Task<(UploadRecord? Upload, IResult? Refusal)> TakeAsync(string id, long offset)
    {
        var (upload, refusal) = Known(await uploads.TakeAsync(id, route.Pattern, owner, offset, http.RequestAborted));
        if (upload is null || refusal is not null) return (null, refusal);
        // Of this route, this caller's and at this offset: if it is open, it is taken.
        return upload.Offset == offset ? (upload, null) : (null, OffsetMismatch(upload.Offset));
    }

    /// <summary>An upload that does not exist here, or not for this caller, is not told from one that never did.</summary>
    private async Task<(UploadRecord? Upload, IResult? Refusal)> FindAsync() => Known(await uploads.LookAsync(Id, http.RequestAborted));

    private (UploadRecord? Upload, IResult? Refusal) Known(UploadRecord? found)
    {
        if (found is not { } upload || upload.Route != route.Pattern || upload.Owner != owner)
            return (null, Refused(404, ProblemCodes.NotFound, "There is no upload of this address that the caller may know of."));
        return upload.State is UploadState.Expired or UploadState.Deleted ? (null, Ended(upload)) : (upload, null);
    }

    /// <summary>A length that was left for later may come with any chunk.</summary>
    private async Task<(UploadRecord Upload, IResult? Bad)> DeclareAsync(UploadRecord upload)
    {
        if (Request.Headers[TusWords.UploadLength].Count == 0) return (upload, null);
        if (!Tus.TryReadNumber(Request.Headers[TusWords.UploadLength], out var length)) return (upload, BadLength());
        if (length > Options.MaxBytes) return (upload, TooLarge(MaxText));
        if (upload.Length is null && await uploads.SetLengthAsync(upload, length, http.RequestAborted))
            return (upload with { Length = length }, null);
        return upload.Length == length
            ? (upload, null)
            : (upload,
                Refused(400, "bad-request",
                    $"The upload's length is "
                        + $"{(upload.Length is { } known ? $"{known} already" : $"not {length}: more than that is there")}."));
    }

    private ProblemResult? ReadLength(out long? length)
    {
        length = null;
        var (given, deferred) = (Request.Headers[TusWords.UploadLength], Request.Headers[TusWords.UploadDeferLength]);
        if (given.Count > 0 == deferred.Count > 0 || (deferred.Count > 0 && deferred != "1")) return BadLength();
        if (deferred.Count > 0) return null;
        if (!Tus.TryReadNumber(given, out var number)) return BadLength();
        length = number;
        return number > Options.MaxBytes ? TooLarge(MaxText) : null;
    }

    private ProblemResult? ReadChecksum(out HashAlgorithmName algorithm, out byte[] expected)
    {
        (algorithm, expected) = (default, []);
        if (Request.Headers[TusWords.UploadChecksum] is not { Count: > 0 } given
            || Tus.TryReadChecksum(given.ToString(), out algorithm, out expected)) return null;
        return Refused(
            400, "bad-request", $"{TusWords.UploadChecksum} must be sha1 or sha256, a space, and the digest of the body in base64.");
    }

    private ProblemResult? WrongVersion()
    {
        if (Request.Headers[TusWords.Resumable] == TusWords.Version) return null;
        if (Request.Headers[TusWords.Resumable].Count == 0 && Request.Headers[TusWords.UploadLength].Count == 0
            && Request.Headers[TusWords.UploadDeferLength].Count == 0 && Request.RouteValues["id"] is null)
            return WrongType("multipart/form-data");
        Response.Headers["Tus-Version"] = TusWords.Version;
        return Refused(412, ProblemCodes.TusVersion, $"Send {TusWords.Resumable}: {TusWords.Version}.");
    }

    /// <summary>
    /// An extension of the protocol that is not spoken here. Without a word about it a half would be taken for a whole file, and a checksum
    /// that nobody looks at for one that was right.
    /// </summary>
    private ProblemResult? NotSpoken()
    {
        if (Request.Headers[TusWords.UploadConcat].Count > 0)
        {
            return Refused(
                400, "bad-request",
                $"The tus extension \"concatenation\" ({TusWords.UploadConcat}) is not supported. Send the file as one upload (with "
                    + "tus-js-client: without parallelUploads).");
        }

        if (Request.Headers.Trailer.ToString().Contains(TusWords.UploadChecksum, StringComparison.OrdinalIgnoreCase))
        {
            return Refused(
                400, "bad-request",
                "The tus extension \"checksum-trailer\" is not supported. Send the checksum in a header, before the body.");
        }

        return null;
    }

    private ProblemResult NotAllowed()
    {
        Response.Headers.Allow = "HEAD, PATCH, DELETE, OPTIONS";
        return Refused(
            405, "method-not-allowed", $"An upload takes HEAD, PATCH and DELETE; a POST names one of them in {TusWords.MethodOverride}.");
    }

    private ProblemResult OffsetMismatch(long offset)
    {
        Response.Headers[TusWords.UploadOffset] = Text(offset);
        return Refused(409, ProblemCodes.UploadOffsetMismatch, $"The upload is at {offset}. Ask with HEAD, and go on from there.");
    }

    private ProblemResult Locked()
    {
        Response.Headers.RetryAfter = "1";
        return Refused(
            423, ProblemCodes.UploadLocked, "Another request is at this upload. Ask with HEAD in a moment, and go on from there.");
    }

    public ProblemResult TooMany()
    {
        Response.Headers.RetryAfter = "60";
        return Refused(
            429, ProblemCodes.UploadsExceeded,
            $"The caller has {Options.MaxOpen} unfinished uploads. Finish one, delete one, or wait until one expires.");
    }

    public ProblemResult WrongType(string accepted, string what = "The body's Content-Type")
    {
        Response.Headers.Accept = accepted;
        return Refused(415, ProblemCodes.UnsupportedMediaType, $"{what} must be {accepted}.");
    }

    private static ProblemResult Ended(UploadRecord upload) => upload.State == UploadState.Expired
        ? Refused(410, ProblemCodes.UploadExpired, $"It had to be finished by {upload.ExpiresAt.UtcDateTime:O}. Begin a new one.")
        : Refused(410, ProblemCodes.UploadGone, "It was taken back, or was not what was announced. Begin a new one.");

    public static ProblemResult TooLarge(string detail) => Refused(413, ProblemCodes.PayloadTooLarge, detail);

    public string MaxText => $"At most {Options.MaxBytes} bytes are taken here.";

    private static ProblemResult BadLength() =>
        Refused(400, "bad-request",
            $"Send either {TusWords.UploadLength}, the number of bytes in all, or {TusWords.UploadDeferLength}: 1.");

    private bool IsOffsetStream() => MediaTypeHeaderValue.TryParse(Request.ContentType, out var type)
        && type.MediaType.Equals(TusWords.OffsetStream, StringComparison.OrdinalIgnoreCase);

    private void Created(string address, UploadRecord upload, long offset)
    {
        Describe(upload);
        Response.Headers.Location = address;
        Response.Headers[TusWords.UploadOffset] = Text(offset);
    }

    private void Describe(UploadRecord upload)
    {
        if (upload.State == UploadState.Open)
            Response.Headers[TusWords.UploadExpires] = upload.ExpiresAt.UtcDateTime.ToString("R", CultureInfo.InvariantCulture);
    }

    /// <summary>Says where the job is. The address of a creation is the upload's, by the protocol; so the link says it, too.</summary>
    private UploadRecord Point(UploadRecord upload)
    {
        var job = JobView.Address(http, upload.Message!.Value, upload.Owner);
        Response.Headers.Location = job;
        Response.Headers.Link = $"<{job}>; rel=\"status\"";
        return upload;
    }

    private string Address(string id) => Request.PathBase.Add(Request.Path).ToUriComponent().TrimEnd('/') + "/" + id;

    private string Id => (string)Request.RouteValues["id"]!;

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    public static ProblemResult Refused(int status, string code, string detail) => new(ProblemCodes.Create(status, code, detail));
}

/// <summary>All of it is there, and this is its message. Each protocol says so in its own way.</summary>
internal sealed record Finished(UploadRecord Upload) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext) => Task.CompletedTask;
}
