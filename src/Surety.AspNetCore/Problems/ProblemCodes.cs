using System.Collections.Frozen;
using Microsoft.AspNetCore.Mvc;

namespace Surety.AspNetCore.Problems;

/// <summary>The codes of Surety's own problems, and what each is called.</summary>
internal static class ProblemCodes
{
    public const string Validation = "validation";
    public const string MalformedBody = "malformed-body";
    public const string PayloadTooLarge = "payload-too-large";
    public const string KeyMissing = "idempotency-key-missing";
    public const string KeyInvalid = "idempotency-key-invalid";
    public const string KeyReused = "idempotency-key-reused";
    public const string KeyInProgress = "idempotency-in-progress";
    public const string HttpsRequired = "https-required";
    public const string Overloaded = "overloaded";
    public const string QuotaExceeded = "quota-exceeded";
    public const string JobNotCancellable = "job-not-cancellable";
    public const string JobHasNoResult = "job-has-no-result";
    public const string JobGone = "job-gone";
    public const string StreamsExceeded = "streams-exceeded";
    public const string CursorInvalid = "cursor-invalid";
    public const string PreconditionFailed = "precondition-failed";
    public const string PreconditionRequired = "precondition-required";
    public const string Timeout = "timeout";
    public const string DependencyUnavailable = "dependency-unavailable";
    public const string UploadOffsetMismatch = "upload-offset-mismatch";
    public const string UploadExpired = "upload-expired";
    public const string UploadGone = "upload-gone";
    public const string UploadLocked = "upload-locked";
    public const string UploadComplete = "upload-complete";
    public const string UploadsExceeded = "uploads-exceeded";
    public const string ChecksumMismatch = "checksum-mismatch";
    public const string DigestMismatch = "digest-mismatch";
    public const string TusVersion = "tus-version";
    public const string NotFound = "not-found";
    public const string UnsupportedMediaType = "unsupported-media-type";
    public const string InternalError = "internal-error";

    private static readonly FrozenDictionary<string, string> Titles = new Dictionary<string, string>
    {
        ["bad-request"] = "The request is not valid",
        [Validation] = "The request is not valid",
        [MalformedBody] = "The body cannot be read",
        ["unauthenticated"] = "Authentication is required",
        ["forbidden"] = "The caller may not do this",
        [NotFound] = "There is nothing here",
        ["method-not-allowed"] = "The method is not allowed here",
        ["not-acceptable"] = "No acceptable representation exists",
        [Timeout] = "It took too long",
        ["conflict"] = "The request conflicts with the present state",
        ["gone"] = "It is no longer here",
        [PreconditionFailed] = "A precondition does not hold",
        [PayloadTooLarge] = "The body is too large",
        [UnsupportedMediaType] = "The media type is not supported",
        ["unprocessable"] = "The request cannot be carried out",
        [PreconditionRequired] = "A precondition is required",
        [QuotaExceeded] = "Too many requests",
        [InternalError] = "The server failed",
        [DependencyUnavailable] = "Something the server depends on is not available",
        [HttpsRequired] = "HTTPS is required",
        [Overloaded] = "The server is overloaded",
        [KeyMissing] = "An idempotency key is required",
        [KeyInvalid] = "The idempotency key is not valid",
        [KeyReused] = "The idempotency key was used for another request",
        [KeyInProgress] = "The first request with this idempotency key is still running",
        [JobNotCancellable] = "The job has already ended",
        [JobHasNoResult] = "The job has no result",
        [JobGone] = "The job is no longer kept",
        [StreamsExceeded] = "The caller has too many event streams",
        [CursorInvalid] = "The page token does not belong here",
        [UploadOffsetMismatch] = "The offset is not where the upload is",
        [UploadExpired] = "The upload was not finished in time",
        [UploadGone] = "The upload was taken back",
        [UploadLocked] = "Another request is at this upload",
        [UploadComplete] = "The upload is complete",
        [UploadsExceeded] = "The caller has too many unfinished uploads",
        [ChecksumMismatch] = "What came is not what its checksum says",
        [DigestMismatch] = "What was uploaded is not what was announced",
        [TusVersion] = "The version of the tus protocol is not supported",
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<int, string> ByStatus = new Dictionary<int, string>
    {
        [400] = "bad-request",
        [401] = "unauthenticated",
        [403] = "forbidden",
        [404] = NotFound,
        [405] = "method-not-allowed",
        [406] = "not-acceptable",
        [408] = Timeout,
        [409] = "conflict",
        [410] = "gone",
        [412] = PreconditionFailed,
        [413] = PayloadTooLarge,
        [415] = UnsupportedMediaType,
        [422] = "unprocessable",
        [428] = PreconditionRequired,
        [429] = QuotaExceeded,
        [500] = InternalError,
        [503] = Overloaded,
        [504] = Timeout,
    }.ToFrozenDictionary();

    public static ProblemDetails Create(int status, string code, string? detail) =>
        new() { Status = status, Title = TitleOf(code), Detail = detail, Extensions = { ["code"] = code } };

    /// <summary>The code of an error that came with nothing but its status.</summary>
    public static string CodeOf(int status) => ByStatus.TryGetValue(status, out var code) ? code : $"http-{status}";

    /// <summary>Every code that comes with a title.</summary>
    public static IEnumerable<string> Codes => Titles.Keys;

    /// <summary>The application's own codes are their own titles: <c>insufficient-funds</c> is "Insufficient funds".</summary>
    public static string TitleOf(string code) =>
        Titles.TryGetValue(code, out var title) ? title : string.Concat(code[..1].ToUpperInvariant(), code[1..].Replace('-', ' '));
}
