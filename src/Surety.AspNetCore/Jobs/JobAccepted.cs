using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Surety.AspNetCore;

/// <summary>202: the job is durable, and this is where it can be followed.</summary>
internal sealed class JobAccepted(MessageId id, string kind, MessageStatus status, DateTimeOffset createdAt) : IResult, IStatusCodeHttpResult
{
    public int? StatusCode => StatusCodes.Status202Accepted;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var self = JobView.Address(httpContext, id);
        var response = httpContext.Response;
        response.StatusCode = StatusCodes.Status202Accepted;
        response.Headers.Location = self;
        response.Headers.RetryAfter = "1";
        response.ContentType = "application/json";
        var body = new { Id = id.ToString(), Kind = kind, Status = status, CreatedAt = createdAt, Links = new { Self = self, Cancel = self } };
        await response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(body, EdgeJson.Own));
    }
}
