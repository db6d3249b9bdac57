using System.Data.Common;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Surety.AspNetCore.Endpoints;
using Surety.AspNetCore.Security;
using Surety.Storage;

namespace Surety.AspNetCore.Problems;

/// <summary>A command that did not end within <see cref="EdgeOptions.CommandTimeout"/> and was rolled back.</summary>
internal sealed class CommandTimeoutException(Exception inner) : Exception("The command passed its time limit and was rolled back.", inner);

/// <summary>An answer too large to be stored with its effect, which was rolled back.</summary>
internal sealed class AnswerTooLargeException(int limit)
    : Exception(
        $"The answer is larger than EdgeOptions.MaxAnswerBytes ({limit} bytes), so it cannot be stored with the idempotency key; nothing "
            + "was committed. Answer with less (an address instead of the content), or raise the limit.");

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
    public static ProblemDetails Problem(
        Exception exception, KnownFailure? failure, EdgeOptions options, Endpoint? endpoint, bool mayHaveEffect) =>
        OfRequest(exception, options, endpoint) ?? OfStore(exception, failure, mayHaveEffect) ?? exception switch
        {
            _ when failure is { Constraint: { } constraint } && options.OfConstraints.TryGetValue(constraint, out var known) =>
                Refused(ProblemCodes.Create(known.Status, known.Code, known.Detail), endpoint),
            // Of another database than the store's.
            DbException { IsTransient: true } => NotTaken(),
            _ => ProblemCodes.Create(500, ProblemCodes.InternalError, null),
        };

    /// <summary>The request cannot be read; null when it is something else.</summary>
    private static ProblemDetails? OfRequest(Exception exception, EdgeOptions options, Endpoint? endpoint) => exception switch
    {
        _ when FormFaultException.In(exception) is { } form => form.Name is { } field ? RequestShape.Unkept(field) : UnreadableForm(),
        CallerNameException caller => ProblemCodes.Create(caller.StatusCode, ProblemCodes.CodeOf(caller.StatusCode), caller.Message),
        BadHttpRequestException { InnerException: JsonException fault } => MalformedBody.Problem(fault, options.MaxJsonDepth),
        BadHttpRequestException { StatusCode: 400 } bad => Unbound(bad.Message, endpoint),
        BadHttpRequestException bad => ProblemCodes.Create(bad.StatusCode, ProblemCodes.CodeOf(bad.StatusCode), null),
        _ => null,
    };

    /// <summary>The store, or the time it took, is at fault; null when it is something else.</summary>
    private static ProblemDetails? OfStore(Exception exception, KnownFailure? failure, bool mayHaveEffect) => exception switch
    {
        CommandTimeoutException => Outcome(
            ProblemCodes.Create(503, ProblemCodes.Timeout, "The command did not end in time. Nothing was changed; try again."), "none"),
        NotCommittedException => Outcome(NotTaken(), "none"),
        _ when failure is { InDoubt: true } || (mayHaveEffect && exception is StoreException) => Outcome(
            ProblemCodes.Create(
                503, ProblemCodes.DependencyUnavailable,
                "It is not known whether the request took effect. Repeat it with the same idempotency key to learn it."),
            "unknown"),
        // A command was rolled back, so its outcome is none. Another endpoint may have written before: its outcome is unknown.
        StoreException { Kind: not FailureKind.Mistake } => NotTaken(),
        _ when failure is { Kind: not FailureKind.Mistake } => NotTaken(),
        _ => null,
    };

    /// <summary>Whether the client may simply try again in a moment.</summary>
    public static bool IsTransient(Exception exception, KnownFailure? failure) =>
        IsOfTheStore(exception, failure) || exception is BadHttpRequestException { StatusCode: StatusCodes.Status503ServiceUnavailable };

    /// <summary>Whether it is the database's trouble, or its time: no fault of the request's, nor of its endpoint.</summary>
    public static bool IsOfTheStore(Exception exception, KnownFailure? failure) =>
        exception is CommandTimeoutException or NotCommittedException
            || (failure is { } known ? known.InDoubt || known.Kind != FailureKind.Mistake : exception is DbException { IsTransient: true });

    private static ProblemDetails NotTaken() =>
        ProblemCodes.Create(503, ProblemCodes.DependencyUnavailable, "The database did not take the request. Try again.");

    // A refusal of the database's is no refusal before the work began.
    private static ProblemDetails Refused(ProblemDetails problem, Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<CommandMetadata>() is null ? Outcome(problem, "unknown") : problem;

    private static ProblemDetails Outcome(ProblemDetails problem, string outcome)
    {
        problem.Extensions["outcome"] = outcome;
        return problem;
    }

    private static ProblemDetails UnreadableForm() =>
        ProblemCodes.Create(400, ProblemCodes.MalformedBody, "The body cannot be read in the form its Content-Type says.");

    private static ProblemDetails Unbound(string message, Endpoint? endpoint)
    {
        if (NoBody().IsMatch(message)) return ProblemCodes.Create(400, ProblemCodes.MalformedBody, "A body is required.");
        if (message.StartsWith("Failed to read parameter", StringComparison.Ordinal)) return UnreadableForm();
        return Parameter().Match(message) is { Success: true } name
            ? Validation.Problem(
                "invalid", "The value is missing or has the wrong type.", ParameterNames.Of(endpoint, name.Groups["name"].Value))
            : ProblemCodes.Create(400, ProblemCodes.CodeOf(400), "The request is malformed.");
    }

    // The framework's texts, which end with what the client sent: Failed to bind parameter "int pageSize" from "abc". Required parameter
    // "string id" was not provided from query string.
    [GeneratedRegex(
        "^(Failed to bind|Required) parameter \"([^\"]* )?(?<name>\\w+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Parameter();

    // Required parameter "Order order" was not provided from body. Implicit body inferred for parameter "order" but no body was provided.
    // Did you mean to use a Service instead?
    [GeneratedRegex(
        "^(Required parameter \"[^\"]*\" was not provided from body|Implicit body inferred for parameter \"[^\"]*\" but no body was "
            + "provided)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NoBody();
}
