using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Problems;
using Surety.AspNetCore.Security;

namespace Surety.AspNetCore.Limits;

/// <summary>
/// How many requests the host has at work at once, by their priority. A request that is let in has a <see cref="RequestSlot"/>.
/// </summary>
internal sealed class LoadLimit(Admission admission, OperatorsKey operators, ProblemWriter problems, EdgeMetrics metrics) : ILimit
{
    private readonly Endpoint overloaded = RefusedEndpoint.Overloaded(
        problems, metrics, "load", "The server has more to do than it can. Nothing was done; try again in a moment.");

    public Admit? At(RouteEndpoint endpoint)
    {
        var wanted = endpoint.Metadata.GetMetadata<PriorityMetadata>()?.Priority ?? RequestPriority.Normal;
        var isLongRunning = endpoint.Metadata.GetMetadata<LongRunningMetadata>() is not null;
        return http =>
        {
            if (Enter(http, wanted) is not { } priority) return new(overloaded);
            var slot = new RequestSlot(admission, priority);
            http.Response.RegisterForDispose(slot);
            http.Features.Set(slot);
            if (isLongRunning) slot.GiveUp();
            if (BringsBody(http.Request, isLongRunning)) slot.Watch(http.Request);
            return default;
        };
    }

    /// <summary>As whom the request was let in; null when it was not.</summary>
    private RequestPriority? Enter(HttpContext http, RequestPriority wanted)
    {
        if (admission.TryEnter(wanted)) return wanted;
        return wanted < RequestPriority.High && operators.IsIn(http.Request) && admission.TryEnter(RequestPriority.High)
            ? RequestPriority.High
            : null;
    }

    /// <summary>Of an upload only where its body can be ill-framed: its bytes are many.</summary>
    private static bool BringsBody(HttpRequest request, bool isLongRunning) =>
        request.ContentLength != 0 && (request.ContentLength is null || !isLongRunning)
        && !HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method);
}
