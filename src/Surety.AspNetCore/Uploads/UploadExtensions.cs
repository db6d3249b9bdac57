using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Jobs;
using Surety.AspNetCore.Uploads;
using Surety.Storage;

namespace Surety;

/// <summary>Endpoints that take files.</summary>
public static class UploadExtensions
{
    /// <summary>
    /// Maps an endpoint that takes uploads, resumable by tus 1.0.0 or in one request of <c>multipart/form-data</c>. The last byte completes
    /// the upload and enqueues its message, as a job of the caller's, in one commit.
    /// </summary>
    /// <remarks>
    /// An offset that was answered is durable and never goes back. Needs a place for the content: <c>UseBlobFolder</c>, or another
    /// package's.
    /// </remarks>
    /// <param name="endpoints">Where to map.</param>
    /// <param name="pattern">The route of the endpoint; an upload is at <c>{pattern}/{id}</c>.</param>
    /// <param name="message">
    /// Makes the message out of the finished upload. Its handler opens the content with <see cref="IUploads.OpenAsync"/>.
    /// </param>
    /// <param name="configure">Changes what is taken.</param>
    /// <exception cref="InvalidOperationException">
    /// There is no place for the content, or the options are outside their limits; names every fault.
    /// </exception>
    public static RouteGroupBuilder MapUploads<TMessage>(
        this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern, Func<Upload, TMessage> message,
            Action<UploadOptions>? configure = null)
        where TMessage : notnull
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        ArgumentNullException.ThrowIfNull(message);
        var blobs = endpoints.ServiceProvider.GetService<IBlobStore>()
            ?? throw new InvalidOperationException(
                $"MapUploads(\"{pattern}\") needs a place for the content. Call UseBlobFolder(folder), or another store's Use… method, "
                    + "inside AddSurety.");
        var options = new UploadOptions();
        configure?.Invoke(options);
        if (options.Faults(blobs.MaxBytes).ToList() is { Count: > 0 } faults)
            throw new InvalidOperationException(
                $"MapUploads(\"{pattern}\") is "
                    + $"misconfigured:{Environment.NewLine}{string.Join(Environment.NewLine, faults.Select(f => $"  - {f}"))}");

        JobExtensions.CheckNamed(typeof(TMessage), endpoints.ServiceProvider);
        var route = new UploadRoute(pattern, options, typeof(TMessage), upload => message(upload));
        var group = endpoints.MapGroup(pattern).RequireAuthorization().LongRunning().WithTags(OwnGroups.UploadsTag);
        group.Map("", [HttpMethods.Post], http => new UploadRequest(http, route).PostAsync(), UploadOperations.Create(route))
            .Answers(202, typeof(AcceptedJob));
        // What the protocol can do is no secret, and browsers ask without credentials.
        group.Map("", [HttpMethods.Options], http =>
            new UploadRequest(http, route).OptionsAsync(), UploadOperations.Ask(route, atUpload: false)).AllowAnonymous();
        group.Map("/{id}", [HttpMethods.Options], http =>
            new UploadRequest(http, route).OptionsAsync(), UploadOperations.Ask(route, atUpload: true)).AllowAnonymous();
        group.Map("/{id}", [HttpMethods.Head, HttpMethods.Patch, HttpMethods.Delete, HttpMethods.Post], http =>
            new UploadRequest(http, route).AtUploadAsync(), UploadOperations.Continue(route));
        return group;
    }

    /// <summary>
    /// The framework describes what has a method's signature; these have their request in their hands, and describe themselves.
    /// </summary>
    private static IEndpointConventionBuilder Map(
        this RouteGroupBuilder group, string pattern, string[] methods, RequestDelegate answer,
        Action<OpenApiOperation, OperationSite> describe) =>
        group.MapMethods(pattern, methods, answer).WithMetadata(answer.Method).Describe(describe, readsBodyItself: true);
}

/// <summary>One call of <c>MapUploads</c>.</summary>
internal sealed record UploadRoute(string Pattern, UploadOptions Options, Type MessageType, Func<Upload, object> Message);
