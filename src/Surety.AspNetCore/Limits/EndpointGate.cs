using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Matching;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;

namespace Surety.AspNetCore;

/// <summary>
/// Stands where routing has found the endpoint and nothing else has happened: no authentication, no byte of the body read. A refused
/// request gets an endpoint that says so at once; every other one gets its own, behind the limits that need to know the caller. As a part
/// of routing it needs no middleware that a host could forget or put in the wrong place.
/// </summary>
internal sealed class EndpointGate : MatcherPolicy, IEndpointSelectorPolicy
{
    // Made once: when they are needed, they are needed thousands of times a second.
    private static readonly Endpoint Refused = Immediate(static http => new ProblemResult(http.Features.GetRequiredFeature<ProblemDetails>()).ExecuteAsync(http));
    private static readonly string[] Pauses = ["1", "2", "3"];

    private readonly Quotas quotas;
    private readonly Admission admission;
    private readonly ThreadDelay threads;
    private readonly OperatorsKey operators;
    private readonly ProblemWriter problems;
    private readonly IServiceProvider services;
    private readonly Endpoint overloaded;
    private readonly ConditionalWeakTable<Endpoint, Gated> gated = [];

    public EndpointGate(Quotas quotas, Admission admission, ThreadDelay threads, OperatorsKey operators, ProblemWriter problems, IServiceProvider services)
    {
        (this.quotas, this.admission, this.threads, this.operators, this.problems, this.services) = (quotas, admission, threads, operators, problems, services);
        EdgeMetrics.Observe(admission);
        overloaded = Overloaded(problems, "load", "The server has more to do than it can. Nothing was done; try again in a moment.");
    }

    // The last one: it has to see the endpoint that is chosen.
    public override int Order => int.MaxValue;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => true;

    public async Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        var chosen = 0;
        while (chosen < candidates.Count && !candidates.IsValidCandidate(chosen)) chosen++;
        if (chosen == candidates.Count || candidates[chosen].Endpoint is not RouteEndpoint { RequestDelegate: not null } endpoint) return;

        var gate = gated.TryGetValue(endpoint, out var known) ? known : Gate(endpoint);
        if ((gate.IsProbe ? null : await EnterAsync(httpContext, gate)) is not { } refusal)
        {
            candidates.ReplaceEndpoint(chosen, gate.Endpoint, candidates[chosen].Values);
            return;
        }

        candidates.ReplaceEndpoint(chosen, refusal, candidates[chosen].Values);
        for (var other = chosen + 1; other < candidates.Count; other++) candidates.SetValidity(other, false);
    }

    private Gated Gate(RouteEndpoint endpoint) => gated.GetValue(endpoint, _ => new Gated(endpoint, quotas, problems, services));

    /// <summary>Null, or who answers instead.</summary>
    private async ValueTask<Endpoint?> EnterAsync(HttpContext http, Gated gate)
    {
        threads.Look();
        if (gate.OfAddresses.Length > 0 && await Quotas.TakeAsync(gate.OfAddresses, http) is { } overQuota) return Refuse(http, overQuota);
        if (gate.Route is { } route && !route.TryEnter()) return gate.RouteFull;
        if (PriorityOf(http, gate) is not { } priority)
        {
            gate.Route?.Leave();
            return overloaded;
        }

        var slot = new RequestSlot(admission, priority, gate.Route);
        http.Response.RegisterForDispose(slot);
        if (gate.Shape.Fault(http.Request) is { } fault) return Refuse(http, fault);
        http.Features.Set(slot);
        if (gate.IsLongRunning) slot.GiveUp();
        // Of an upload only where it can be ill-framed: its bytes are many.
        if (http.Request.ContentLength != 0 && (http.Request.ContentLength is null || !gate.IsLongRunning) && !HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method)) slot.Watch(http.Request);
        return null;
    }

    /// <summary>As whom the request was let in; null when it was not.</summary>
    private RequestPriority? PriorityOf(HttpContext http, Gated gate)
    {
        if (admission.TryEnter(gate.Priority)) return gate.Priority;
        return gate.Priority < RequestPriority.High && operators.IsIn(http.Request) && admission.TryEnter(RequestPriority.High) ? RequestPriority.High : null;
    }

    private static Endpoint Refuse(HttpContext http, ProblemDetails problem)
    {
        http.Features.Set(problem);
        return Refused;
    }

    private static Endpoint Overloaded(ProblemWriter problems, string why, string detail)
    {
        var ready = problems.Prepare(Quotas.Refusal(503, Problems.Overloaded, detail));
        return Immediate(http =>
        {
            // Not all of them in the same second.
#pragma warning disable RS0030 // Only spreads the clients that come back.
            http.Response.Headers.RetryAfter = Pauses[Random.Shared.Next(Pauses.Length)];
#pragma warning restore RS0030
            EdgeMetrics.Shed(why);
            return ready.SendAsync(http);
        });
    }

    /// <summary>Runs within routing: authentication does not look up who is refused.</summary>
    private static Endpoint Immediate(RequestDelegate answer)
    {
        var builder = new RouteEndpointBuilder(answer, RoutePatternFactory.Parse(""), 0) { DisplayName = "Refused" };
        new Conventions(builder).ShortCircuit();
        return builder.Build();
    }

    /// <summary>One endpoint, and what stands before it.</summary>
    private sealed class Gated
    {
        public Gated(RouteEndpoint endpoint, Quotas quotas, ProblemWriter problems, IServiceProvider services)
        {
            var metadata = endpoint.Metadata;
            IsProbe = metadata.GetMetadata<ProbeMetadata>() is not null;
            IsLongRunning = metadata.GetMetadata<LongRunningMetadata>() is not null;
            Priority = metadata.GetMetadata<PriorityMetadata>()?.Priority ?? RequestPriority.Normal;
            Route = metadata.GetMetadata<ConcurrencyMetadata>();
            if (Route is { Most: var most }) RouteFull = Overloaded(problems, "route", string.Create(CultureInfo.InvariantCulture, $"This address takes {most} requests at a time. Try again in a moment."));
            Shape = new RequestShape(metadata);
            var here = quotas.Of(metadata).ToList();
            OfAddresses = [.. here.Where(q => q.Options.By == QuotaBy.Address)];
            var handle = Refusing(Timed(endpoint, services), services.GetRequiredService<ProblemMiddleware>());
            if (here.Except(OfAddresses).ToArray() is { Length: > 0 } ofCallers) handle = Counted(handle, ofCallers);
            Endpoint = new RouteEndpoint(handle, endpoint.RoutePattern, endpoint.Order, metadata, endpoint.DisplayName);
        }

        public Endpoint Endpoint { get; }

        public Quota[] OfAddresses { get; }

        public RequestShape Shape { get; }

        public bool IsProbe { get; }

        public bool IsLongRunning { get; }

        public RequestPriority Priority { get; }

        public ConcurrencyMetadata? Route { get; }

        public Endpoint? RouteFull { get; }

        private static RequestDelegate Counted(RequestDelegate handle, Quota[] quotas)
        {
            return http =>
            {
                var taking = Quotas.TakeAsync(quotas, http);
                return taking.IsCompletedSuccessfully ? Answer(taking.Result, http) : WaitAsync(taking, http);
            };

            Task Answer(ProblemDetails? refusal, HttpContext http) => refusal is null ? handle(http) : new ProblemResult(refusal).ExecuteAsync(http);

            async Task WaitAsync(ValueTask<ProblemDetails?> taking, HttpContext http) => await Answer(await taking, http);
        }

        /// <summary>
        /// What cannot be read is refused right here: further out, in Development, the framework would take each for a failure and log its
        /// stack.
        /// </summary>
        private static RequestDelegate Refusing(RequestDelegate handle, ProblemMiddleware problems) => async http =>
        {
            try
            {
                await handle(http);
            }
            catch (BadHttpRequestException fault) when (!http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested)
            {
                await problems.RefuseAsync(http, fault);
            }
        };

        /// <summary>
        /// By the framework's own time limits, and so by its own marks, too. A command has its limit, and knows what became of its
        /// transaction.
        /// </summary>
        private RequestDelegate Timed(RouteEndpoint endpoint, IServiceProvider services)
        {
            var handle = endpoint.RequestDelegate!;
            var marked = endpoint.Metadata.GetMetadata<RequestTimeoutAttribute>() is not null || endpoint.Metadata.GetMetadata<RequestTimeoutPolicy>() is not null;
            if (!marked && (IsProbe || IsLongRunning || endpoint.Metadata.GetMetadata<CommandMetadata>() is not null)) return handle;
            var limited = new ApplicationBuilder(services);
            limited.UseRequestTimeouts();
            limited.Run(handle);
            return limited.Build();
        }
    }

    private sealed class Conventions(EndpointBuilder endpoint) : IEndpointConventionBuilder
    {
        public void Add(Action<EndpointBuilder> convention) => convention(endpoint);
    }
}

/// <summary>A health probe: never counted, never refused.</summary>
internal sealed record ProbeMetadata;
