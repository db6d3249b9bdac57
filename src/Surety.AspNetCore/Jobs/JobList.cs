using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Jobs;

/// <summary><c>GET /jobs</c>: the caller's own, newest first.</summary>
internal static class JobList
{
    private static readonly FrozenDictionary<string, MessageStatus> Statuses = Enum.GetValues<MessageStatus>()
        .ToFrozenDictionary(s => JsonNamingPolicy.CamelCase.ConvertName(s.ToString()));

    private const int MostKind = 200;
    private const int MostOnAPage = 100;

    public static async Task<IResult> GetAsync(
        HttpContext http, IMessages messages, string? status = null, string? kind = null, string? pageToken = null, int pageSize = 50,
        CancellationToken cancel = default)
    {
        if (pageSize is < 1 or > MostOnAPage)
            return new ProblemResult(Validation.Problem("invalid", $"How many jobs at most, 1 to {MostOnAPage}.", "pageSize"));
        if (status is not null && !Statuses.ContainsKey(status))
            return new ProblemResult(Validation.Problem("invalid", $"One of {string.Join(", ", Statuses.Keys)}.", "status"));
        if (kind?.Length > MostKind)
            return new ProblemResult(Validation.Problem("invalid", $"A kind of jobs, at most {MostKind} characters.", "kind"));
        if (Paging.Read(http, pageToken, out var after) is { } refusal) return refusal;
        var filter = new MessageFilter
        {
            Owner = http.User.Principal(), Status = status is null ? null : Statuses[status], Kind = kind, Limit = pageSize,
            Before = after is null ? null : MessageId.Parse(after, CultureInfo.InvariantCulture),
        };
        var page = await messages.ListAsync(filter, cancel);
        http.Response.Headers.CacheControl = "no-cache, private";
        return Paging.Page(http, page.Items.Select(job => JobResults.View(http, job)).ToList(), page.Next?.ToString(), EdgeJson.Own);
    }
}
