using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Surety.Outgoing;

namespace Surety;

/// <summary>Calls to other services that survive what those do.</summary>
public static class OutgoingExtensions
{
    /// <summary>
    /// Sends the client's calls through a pipeline of its own, by its name: at most so many at once, sent again with growing pauses where
    /// that is safe, not sent at all while the other side is down, never longer than a limit. Its state is in the metrics and on the
    /// verbose health page. The client's own <c>Timeout</c> is switched off.
    /// </summary>
    /// <param name="client">The client.</param>
    /// <param name="configure">Changes the options.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static IHttpClientBuilder AddResilience(this IHttpClientBuilder client, Action<OutgoingOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        var options = new OutgoingOptions();
        configure?.Invoke(options);
        if (FaultOf(client.Name, options) is { } fault) throw new ArgumentException(fault, nameof(configure));

        client.Services.TryAddSingleton(TimeProvider.System);
        client.Services.TryAddSingleton(s => new OutgoingCalls(s.GetRequiredService<IMeterFactory>()));
        client.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IWorries, OutgoingCalls>(s => s.GetRequiredService<OutgoingCalls>()));
        client.ConfigureHttpClient(http => http.Timeout = Timeout.InfiniteTimeSpan);

        // From the outside in: what a failure means, no more at once than may be, the attempts, one attempt.
        client.AddHttpMessageHandler(() => new OutgoingHandler(client.Name, options));
        client.AddResilienceHandler("surety-calls", (builder, context) => PipelineOf(context.ServiceProvider).AddBulkhead(builder));
        client.AddHttpMessageHandler(() => new BufferedContent());
        client.AddResilienceHandler("surety-attempts", (builder, context) => PipelineOf(context.ServiceProvider).AddAttempts(builder));
        return client.AddHttpMessageHandler(s => new AttemptHandler(client.Name, s.GetRequiredService<OutgoingCalls>()));

        OutgoingPipeline PipelineOf(IServiceProvider services) => new(
            client.Name, options, services.GetRequiredService<OutgoingCalls>(), services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<OutgoingCalls>>());
    }

    /// <summary>Null when every option is within its range.</summary>
    private static string? FaultOf(string client, OutgoingOptions options)
    {
        var isGood = options is { Attempts: >= 1 and <= 10, MaxConcurrency: >= 1 and <= 10_000, BreakAfter: >= 2, BreakAt: > 0 and <= 1 }
            && options.AttemptTimeout <= options.TotalTimeout;
        if (isGood) return null;
        return $"The HTTP client \"{client}\": Attempts ({options.Attempts}) must be 1 to 10, MaxConcurrency ({options.MaxConcurrency}) "
            + $"1 to 10,000, BreakAfter ({options.BreakAfter}) 2 or more, BreakAt ({options.BreakAt}) above 0 to 1, and AttemptTimeout "
            + $"({options.AttemptTimeout}) no longer than TotalTimeout ({options.TotalTimeout}).";
    }
}
