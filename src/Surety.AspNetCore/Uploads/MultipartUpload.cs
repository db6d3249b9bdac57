using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Surety.AspNetCore.Idempotency;
using Surety.AspNetCore.Problems;
using Surety.Intake;

namespace Surety.AspNetCore.Uploads;

/// <summary>
/// An upload in one request: a form with one file, streamed to its place as it comes, and with small fields before it that say what it is.
/// It cannot be resumed: a request that breaks leaves nothing.
/// </summary>
internal sealed class MultipartUpload(HttpContext http, UploadRoute route, UploadIntake uploads, string owner, UploadRequest request)
{
    private const int MostFields = 16;
    private const int MostFieldBytes = 1_024;
    private const int MostNameLength = 255;

    public async Task<IResult> ReceiveAsync()
    {
        if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type)
            || HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= 70 } boundary)
            return Malformed("The Content-Type names no boundary.");
        if (http.Request.ContentLength > route.Options.MaxBytes + (MostFields + 2) * 4_096L) return UploadRequest.TooLarge(request.MaxText);
        if (IdempotencyKey.Read(http.Request.Headers[IdempotencyKey.Header], out var fault) is var key && fault is not null)
            return UploadRequest.Refused(400, ProblemCodes.KeyInvalid, fault);

        request.SetLimits();
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var reader = new MultipartReader(
            boundary.ToString(), http.Request.Body) { HeadersCountLimit = 16, HeadersLengthLimit = 8_192, BodyLengthLimit = null };
        try
        {
            while (await reader.ReadNextSectionAsync(http.RequestAborted) is { } section)
            {
                if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition))
                    return Malformed("A part has no Content-Disposition.");
                if (disposition.IsFileDisposition()) return await ReceiveFileAsync(reader, section, disposition, metadata, key);
                if (metadata.Count == MostFields || !await TryReadFieldAsync(section, disposition, metadata))
                    return Malformed($"Before the file, at most {MostFields} fields of {MostFieldBytes} bytes are taken, each once.");
            }
        }
        catch (Exception e) when (e is InvalidDataException
            || (e is IOException and not BadHttpRequestException && !http.RequestAborted.IsCancellationRequested))
        {
            return Malformed("The body is not a whole multipart form.");
        }

        return Malformed("The form has no file.");
    }

    private async Task<IResult> ReceiveFileAsync(
        MultipartReader reader, MultipartSection section, ContentDispositionHeaderValue disposition, Dictionary<string, string> metadata,
        string? key)
    {
        var name = HeaderUtilities.RemoveQuotes(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName)
            .ToString();
        if (name.Length > 0) metadata["filename"] = StoredText.Cut(name, MostNameLength);
        if (section.ContentType is { Length: <= 200 } type) metadata["filetype"] = type;
        if (request.CheckMetadata(metadata) is { } unwanted) return unwanted;
        if (await request.BeginAsync(null, metadata) is not { } upload) return request.TooMany();
        using var held = await uploads.Locks.EnterAsync(request.LockOf(upload.Id), TimeSpan.FromSeconds(1), http.RequestAborted);
        var finished = false;
        try
        {
            upload = await uploads.TakeAsync(upload.Id, route.Pattern, owner, 0, CancellationToken.None) ?? upload;
            var written = await uploads.WriteAsync(upload, section.Body, route.Options.MaxBytes, null, http.RequestAborted);
            if (await request.JudgeAsync(written, interrupted: false) is { } refusal) return refusal;
            // A second file would be lost without a word, and a form that breaks off may have lost the end of the first.
            if (await reader.ReadNextSectionAsync(http.RequestAborted) is not null)
                return Malformed("The file must be the form's last part, and the only one.");
            upload = written.Upload;
            if (await uploads.SetLengthAsync(upload, upload.Offset, CancellationToken.None))
                upload = upload with { Length = upload.Offset };
            var record = new UploadKey(http, route, owner, key);
            var ended = await request.FinishAsync(upload, record);
            finished = ended is Finished;
            return ended is Finished ? record.Answer() : ended
                ?? throw new StoreException("An upload of which all is there was not completed.", isTransient: true);
        }
        catch (StoreException doubt) when (doubt.InDoubt)
        {
            // It may be complete: the sweep finds out.
            finished = true;
            throw;
        }
        finally
        {
            if (!finished) await uploads.DeleteAsync(upload, CancellationToken.None);
        }
    }

    private static async Task<bool> TryReadFieldAsync(
        MultipartSection section, ContentDispositionHeaderValue disposition, Dictionary<string, string> metadata)
    {
        var name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
        if (name.Length is 0 or > 100) return false;
        var value = new byte[MostFieldBytes + 1];
        var length = await section.Body.ReadAtLeastAsync(value, value.Length, throwOnEndOfStream: false);
        return length <= MostFieldBytes && metadata.TryAdd(name, Encoding.UTF8.GetString(value, 0, length));
    }

    private static ProblemResult Malformed(string detail) => UploadRequest.Refused(400, ProblemCodes.MalformedBody, detail);
}
