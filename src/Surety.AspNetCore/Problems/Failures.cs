using System.Data.Common;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Surety.Storage;

namespace Surety.AspNetCore;

/// <summary>A command that did not end within <see cref="EdgeOptions.CommandTimeout"/> and was rolled back.</summary>
internal sealed class CommandTimeoutException(Exception inner) : Exception("The command passed its time limit and was rolled back.", inner);

/// <summary>An answer too large to be stored with its effect, which was rolled back.</summary>
internal sealed class AnswerTooLargeException(int limit)
    : Exception($"The answer is larger than EdgeOptions.MaxAnswerBytes ({limit} bytes), so it cannot be stored with the idempotency key; nothing was committed. Answer with less (an address instead of the content), or raise the limit.");

/// <summary>A commit was in doubt, and its key shows that it did not happen.</summary>
internal sealed class NotCommittedException(StoreException doubt) : Exception("A commit that was in doubt did not happen.", doubt);

/// <summary>What a client is told of an exception. Pure.</summary>
internal static partial class Failures
{
    /// <param name="exception">What was thrown.</param>
    /// <param name="failure">What it says of the store's database; null nothing.</param>
    /// <param name="options">The edge's.</param>
    /// <param name="endpoint">Where.</param>
    /// <param name="mayHaveEffect">Whether the request's command had sent its COMMIT: then no exception is a word about its
    /// outcome.</param>
    public static ProblemDetails Problem(Exception exception, KnownFailure? failure, EdgeOptions options, Endpoint? endpoint, bool mayHaveEffect) => exception switch
    {
        _ when FormFaultException.In(exception) is { } form => form.Name is { } field ? RequestShape.Unkept(field) : UnreadableForm(),
        BadHttpRequestException { InnerException: JsonException fault } => MalformedBody.Problem(fault, options.MaxJsonDepth),
        BadHttpRequestException { StatusCode: 400 } bad => Unbound(bad.Message, endpoint),
        BadHttpRequestException bad => Problems.Create(bad.StatusCode, Problems.CodeOf(bad.StatusCode), null),
        CommandTimeoutException => Outcome(Problems.Create(503, Problems.Timeout, "The command did not end in time. Nothing was changed; try again."), "none"),
        NotCommittedException => Outcome(NotTaken(), "none"),
        _ when failure is { InDoubt: true } || (mayHaveEffect && exception is StoreException) => Outcome(
            Problems.Create(503, Problems.DependencyUnavailable, "It is not known whether the request took effect. Repeat it with the same idempotency key to learn it."), "unknown"),
        // A command was rolled back, so its outcome is none. Another endpoint may have written before: its outcome is unknown.
        StoreException { Kind: not FailureKind.Mistake } => NotTaken(),
        _ when failure is { Kind: not FailureKind.Mistake } => NotTaken(),
        _ when failure is { Constraint: { } constraint } && options.OfConstraints.TryGetValue(constraint, out var known) =>
            Refused(Problems.Create(known.Status, known.Code, known.Detail), endpoint),
        // Of another database than the store's.
        DbException { IsTransient: true } => Problems.Create(503, Problems.DependencyUnavailable, "The database did not take the request. Try again."),
        _ => Problems.Create(500, Problems.InternalError, null),
    };

    /// <summary>Whether the client may simply try again in a moment.</summary>
    public static bool IsTransient(Exception exception, KnownFailure? failure) => IsOfTheStore(exception, failure) || exception is BadHttpRequestException { StatusCode: StatusCodes.Status503ServiceUnavailable };

    /// <summary>Whether it is the database's trouble, or its time: no fault of the request's, nor of its endpoint.</summary>
    public static bool IsOfTheStore(Exception exception, KnownFailure? failure) =>
        exception is CommandTimeoutException or NotCommittedException || (failure is { } known ? known.InDoubt || known.Kind != FailureKind.Mistake : exception is DbException { IsTransient: true });

    private static ProblemDetails NotTaken() => Problems.Create(503, Problems.DependencyUnavailable, "The database did not take the request. Try again.");

    // A refusal of the database's is no refusal before the work began.
    private static ProblemDetails Refused(ProblemDetails problem, Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<CommandMetadata>() is null ? Outcome(problem, "unknown") : problem;

    private static ProblemDetails Outcome(ProblemDetails problem, string outcome)
    {
        problem.Extensions["outcome"] = outcome;
        return problem;
    }

    private static ProblemDetails UnreadableForm() => Problems.Create(400, Problems.MalformedBody, "The body cannot be read in the form its Content-Type says.");

    private static ProblemDetails Unbound(string message, Endpoint? endpoint)
    {
        if (NoBody().IsMatch(message)) return Problems.Create(400, Problems.MalformedBody, "A body is required.");
        if (message.StartsWith("Failed to read parameter", StringComparison.Ordinal)) return UnreadableForm();
        return Parameter().Match(message) is { Success: true } name
            ? Validation.Problem("invalid", "The value is missing or has the wrong type.", ParameterNames.Of(endpoint, name.Groups["name"].Value))
            : Problems.Create(400, Problems.CodeOf(400), "The request is malformed.");
    }

    // The framework's texts, which end with what the client sent: Failed to bind parameter "int pageSize" from "abc". Required parameter
    // "string id" was not provided from query string.
    [GeneratedRegex("^(Failed to bind|Required) parameter \"([^\"]* )?(?<name>\\w+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Parameter();

    // Required parameter "Order order" was not provided from body. Implicit body inferred for parameter "order" but no body was provided.
    // Did you mean to use a Service instead?
    [GeneratedRegex("^(Required parameter \"[^\"]*\" was not provided from body|Implicit body inferred for parameter \"[^\"]*\" but no body was provided)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NoBody();
}
