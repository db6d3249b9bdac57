using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Surety.Storage;

namespace Surety.AspNetCore.Jobs;

/// <summary>202: the job is durable, and this is where it can be followed.</summary>
internal sealed class JobAccepted(MessageId id, string kind, MessageStatus status, DateTimeOffset createdAt, string? owner)
    : IResult, IStatusCodeHttpResult
{
    public int? StatusCode => StatusCodes.Status202Accepted;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var (response, answer) = (httpContext.Response, Stored(httpContext));
        response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers) response.Headers[name] = value;
        await response.Body.WriteAsync(answer.Body);
    }

    /// <summary>The whole answer, for code that keeps it.</summary>
    public StoredAnswer Stored(HttpContext httpContext)
    {
        var self = JobView.Address(httpContext, id, owner);
        var text = httpContext.RequestServices.GetRequiredService<JobIds>().Text(id, owner);
        var links = new Dictionary<string, string> { ["self"] = self, ["events"] = self + "/events", ["cancel"] = self };
        var body = new AcceptedJob(text, kind, status, createdAt, links);
        return new StoredAnswer(
            StatusCodes.Status202Accepted,
            new Dictionary<string, string> { ["Location"] = self, ["Retry-After"] = "1", ["Content-Type"] = "application/json" },
            JsonSerializer.SerializeToUtf8Bytes(body, EdgeJson.Own));
    }
}

/// <summary>A job as its client is told of it.</summary>
internal sealed record AcceptedJob(
    string Id, string Kind, MessageStatus Status, DateTimeOffset CreatedAt, IReadOnlyDictionary<string, string> Links);
