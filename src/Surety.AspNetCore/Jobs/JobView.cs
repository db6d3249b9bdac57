using Microsoft.AspNetCore.Http;

namespace Surety.AspNetCore;

/// <summary>A job as its owner sees it.</summary>
internal sealed record JobView(
    string Id,
    string Kind,
    MessageStatus Status,
    int Attempt,
    int MaxAttempts,
    Progress? Progress,
    DateTimeOffset? NextRunAt,
    string? Error,
    bool CancelRequested,
    DateTimeOffset CreatedAt,
    DateTimeOffset? FinishedAt,
    IReadOnlyDictionary<string, string> Links)
{
    public static JobView Of(MessageInfo job, int maxAttempts, string address)
    {
        var links = new Dictionary<string, string>(StringComparer.Ordinal) { ["self"] = address };
        if (!IsTerminal(job.Status)) links["cancel"] = address;
        if (job.Result is not null) links["result"] = address + "/result";
        var waits = job.Status is MessageStatus.Scheduled or MessageStatus.Retrying;
        return new(
            job.Id.ToString(), job.Kind, job.Status, job.Attempt, maxAttempts, job.Progress, waits ? job.DueAt : null, job.Reason, job.CancelRequested, job.EnqueuedAt, job.EndedAt, links);
    }

    /// <summary>Dead is an end to its owner, though an operator may requeue it.</summary>
    public static bool IsTerminal(MessageStatus status) => status is MessageStatus.Succeeded or MessageStatus.Dead or MessageStatus.Cancelled;

    /// <summary>The status is part of it: scheduled becomes queued by the clock alone, with no change to the row.</summary>
    public static string EntityTag(MessageInfo job) => $"\"{job.Revision}-{(int)job.Status}\"";

    public static string Address(HttpContext http, MessageId id) => http.Request.PathBase.Add($"/jobs/{id}").ToUriComponent();
}
