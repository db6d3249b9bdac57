using System.Security.Claims;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Surety.AspNetCore.Descriptions;

namespace Surety.AspNetCore.Jobs;

/// <summary>A job as its owner sees it.</summary>
[SchemaName("Job")]
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
    public static JobView Of(MessageInfo job, string id, int maxAttempts, string address)
    {
        var links = new Dictionary<string, string>(StringComparer.Ordinal) { ["self"] = address };
        if (!IsTerminal(job.Status)) (links["events"], links["cancel"]) = (address + "/events", address);
        if (job.Result is not null) links["result"] = address + "/result";
        var waits = job.Status is MessageStatus.Scheduled or MessageStatus.Retrying;
        return new(
            id, job.Kind, job.Status, job.Attempt, maxAttempts, job.Progress, waits ? job.DueAt : null, job.Reason, job.CancelRequested,
            job.EnqueuedAt, job.EndedAt, links);
    }

    /// <summary>Dead is an end to its owner, though an operator may requeue it.</summary>
    public static bool IsTerminal(MessageStatus status) =>
        status is MessageStatus.Succeeded or MessageStatus.Dead or MessageStatus.Cancelled;

    /// <summary>To anybody but its owner and the operators a job does not exist.</summary>
    public static bool MaySee(ClaimsPrincipal user, MessageInfo job) =>
        user.IsOperator() || (job.Owner is not null && job.Owner == user.Principal());

    /// <summary>
    /// Names this state of the job. The status is part of it: scheduled becomes queued by the clock alone, with no change to the row.
    /// </summary>
    public static string StateOf(MessageInfo job) => $"{job.Revision}-{(int)job.Status}";

    public static string EntityTag(MessageInfo job) => $"\"{StateOf(job)}\"";

    public static string Address(HttpContext http, MessageId id, string? owner) =>
        Prefix(http) + http.RequestServices.GetRequiredService<JobIds>().Text(id, owner);

    /// <summary>The message of the job at this address; null when it is no job's.</summary>
    public static MessageId? IdIn(HttpContext http, string? address) =>
        address is not null && address.StartsWith(Prefix(http), StringComparison.Ordinal)
            && JobIds.TryRead(address[Prefix(http).Length..], out var id, out _) ? id : null;

    private static string Prefix(HttpContext http) => http.Request.PathBase.Add("/jobs/").ToUriComponent();
}
