using System.ComponentModel.DataAnnotations;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Validation;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Jobs;
using Surety.Hosting;

namespace Surety;

/// <summary>Endpoints whose work is done later.</summary>
public static class JobExtensions
{
    /// <summary>
    /// Maps a POST whose body is a message: it is validated, enqueued as a job of the caller's, and answered with 202 and the address to
    /// follow it at. Takes an <c>Idempotency-Key</c>.
    /// </summary>
    /// <param name="endpoints">Where to map.</param>
    /// <param name="pattern">The route.</param>
    /// <exception cref="ArgumentException">The message's stored name is another type's on this host.</exception>
    /// <exception cref="InvalidOperationException">
    /// The message has validation attributes that nobody would look at: mark it <c>[ValidatableType]</c> and call <c>AddValidation()</c>.
    /// </exception>
    public static RouteHandlerBuilder MapJob<TMessage>(this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern)
        where TMessage : notnull
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        CheckValidated(typeof(TMessage), endpoints.ServiceProvider);
        CheckNamed(typeof(TMessage), endpoints.ServiceProvider);
        return endpoints.MapPost(pattern, static ([FromBody] TMessage message, Jobs jobs, CancellationToken cancel) =>
            jobs.AcceptAsync(message, cancellationToken: cancel)).AcceptIdempotencyKey().ProducesJob();
    }

    /// <summary>
    /// Says that the endpoints answer with 202 and a job, as <see cref="Jobs.AcceptAsync{T}"/> does. It stands in the document; nothing
    /// else changes. <c>MapJob</c> says so by itself.
    /// </summary>
    /// <param name="endpoints">One endpoint, or a group.</param>
    public static TBuilder ProducesJob<TBuilder>(this TBuilder endpoints) where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return endpoints.Answers(202, typeof(AcceptedJob)).Describe(JobOperations.Accept);
    }

    /// <summary>
    /// Two types of one stored name stop the host, not the first request. A type without a name may still be the base of some that have
    /// one.
    /// </summary>
    internal static void CheckNamed(Type message, IServiceProvider services)
    {
        if (message.IsDefined(typeof(MessageAttribute), inherit: false)) services.GetService<IQueueCatalog>()?.KindOf(message);
    }

    /// <summary>
    /// The framework's validation knows the types its generator saw, and passes over all others in silence. It does not see through this
    /// generic method, so a message that wants validation has to be marked; forgetting that should stop the host, not let everything in.
    /// </summary>
    private static void CheckValidated(Type message, IServiceProvider services)
    {
        var wants = message.IsAssignableTo(typeof(IValidatableObject))
            || message.GetCustomAttributes<ValidationAttribute>().Any()
            || message.GetProperties().Any(p => p.GetCustomAttributes<ValidationAttribute>().Any())
            || message.GetConstructors().SelectMany(c => c.GetParameters()).Any(p => p.GetCustomAttributes<ValidationAttribute>().Any());
#pragma warning disable ASP0029 // Asking whether a type is known is all that is used of what is still called experimental.
        if (wants && !services.GetRequiredService<IOptions<ValidationOptions>>().Value.TryGetValidatableTypeInfo(message, out _))
#pragma warning restore ASP0029
            throw new InvalidOperationException(
                $"MapJob<{message.Name}>: the message has validation attributes, but the framework's validation does not know it. Mark it "
                    + "[ValidatableType] (Microsoft.Extensions.Validation) and call builder.Services.AddValidation() in the same project.");
    }
}
