using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.OpenApi;
using Surety;

namespace Payments;

/// <summary>
/// API keys, for operators. Making and rotating are not idempotent on purpose: the answer holds a secret, and a stored answer would keep
/// it. An operator who heard none looks for the key that was never used.
/// </summary>
internal static class KeyEndpoints
{
    private const int MaxPageSize = 500;

    public static void MapKeys(this IEndpointRouteBuilder app)
    {
        const string unknown = "There is no such key, or it works no more.";
        var keys = app.MapGroup("/keys").RequireScope("operator").WithTags("Keys");
        keys.MapPost("", CreateAsync).WithName("createKey").WithSummary("Make an API key")
            .WithDescription(
                "The secret is shown this once. Takes no Idempotency-Key: a stored answer would keep it. Only for operators, like all of "
                    + "these.").Produces<MadeKey>(201);
        keys.MapGet("", ListAsync).WithName("listKeys").WithSummary("List the API keys")
            .WithDescription("Newest first, revoked and expired ones included; never the secrets.").ProducesPage<ApiKeyInfo>();
        keys.MapGet("/{prefix}", GetAsync).WithName("getKey").WithSummary("Look at an API key")
            .WithDescription("Whatever is known of it but the secret.").Produces<ApiKeyInfo>().Refuses(404, "not-found", unknown);
        keys.MapPost("/{prefix}/rotate", RotateAsync).WithName("rotateKey").WithSummary("Replace an API key")
            .WithDescription(
                "A new key for the same principal and scopes; the old one works beside it for a while. The secret is shown this once.")
                .Produces<MadeKey>(201).Refuses(404, "not-found", unknown);
        keys.MapDelete("/{prefix}", RevokeAsync).WithName("revokeKey")
            .WithSummary("Revoke an API key").WithDescription("For ever: here from now on, at other nodes within 5 s.")
            .Produces(204).Refuses(404, "not-found", unknown);
    }

    /// <summary>The first operator's key has to come from somebody at the machine: <c>Payments keys create NAME</c>.</summary>
    public static async Task<int> CreateFirstAsync(IServiceProvider services, string principal)
    {
        await services.OpenStoreAsync();
        var key = await services.GetRequiredService<ApiKeys>().CreateAsync(principal, ["operator"]);
        Console.WriteLine(key.Secret);
        if (services is IAsyncDisposable disposable) await disposable.DisposeAsync();
        return 0;
    }

    private static async Task<IResult> CreateAsync(NewKey request, HttpContext http, ApiKeys keys, CancellationToken cancel)
    {
        string[] scopes = [.. request.Scopes ?? [], .. request.Operator ? ["operator"] : Array.Empty<string>()];
        var made = await keys.CreateAsync(request.Principal, scopes, request.ExpiresAt, cancel);
        return Made(http, made, request.Principal);
    }

    /// <summary>Newest first.</summary>
    private static async Task<IResult> ListAsync(
        [Description("Only this principal's keys."), MaxLength(255)] string? principal,
        string? pageToken, HttpContext http, ApiKeys keys, CancellationToken cancel,
        [Range(1, MaxPageSize), Description("How many keys a page has at most.")] int pageSize = 100)
    {
        if (Paging.Read(http, pageToken, out var after) is { } refusal) return refusal;
        var found = await keys.ListAsync(principal, after, pageSize + 1, cancel);
        return Paging.Page(http, found.Take(pageSize).ToList(), found.Count > pageSize ? found[pageSize - 1].Prefix : null);
    }

    private static async Task<IResult> GetAsync([KeyPrefix] string prefix, ApiKeys keys, CancellationToken cancel) =>
        await keys.FindAsync(prefix, cancel) is { } key ? Results.Ok(key) : NoSuchKey();

    private static async Task<IResult> RotateAsync(
        [KeyPrefix] string prefix, RotateKey request, HttpContext http, ApiKeys keys, CancellationToken cancel)
    {
        var made = await keys.RotateAsync(prefix, TimeSpan.FromSeconds(request.OverlapSeconds), request.ExpiresAt, cancel);
        return made is null ? NoSuchKey() : Made(http, made, (await keys.FindAsync(made.Prefix, cancel))!.Principal);
    }

    private static async Task<IResult> RevokeAsync([KeyPrefix] string prefix, ApiKeys keys, CancellationToken cancel) =>
        await keys.RevokeAsync(prefix, cancel) ? Results.NoContent() : NoSuchKey();

    private static IResult Made(HttpContext http, NewApiKey made, string principal)
    {
        // The one answer with a secret in it: no cache on its way keeps it.
        http.Response.Headers.CacheControl = "no-store";
        return Results.Created($"/keys/{made.Prefix}", new MadeKey(made.Prefix, principal, made.Secret));
    }

    private static IResult NoSuchKey() => HttpProblem.Of(404, "not-found", "There is no such key, or it works no more.");

    private sealed record MadeKey(
        [KeyPrefix] string Prefix, [Example("ada")] string Principal,
        [Description("Not stored anywhere."), Example("sk_0123456789ab_…")] string Secret);
}

/// <summary>A key's public part.</summary>
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class KeyPrefixAttribute : Attribute, IDescribesSchema
{
    public void Describe(OpenApiSchema schema) =>
        (schema.Description, schema.MaxLength, schema.Examples) = ("The key's public part.", 40, ["0123456789ab"]);
}

public sealed record NewKey(
    [Required, StringLength(255, MinimumLength = 1), Text, Description(
        "Who acts with it. Several keys may have one principal."), Example("ada")] string Principal,
    [Description("Opens every job, the keys, and the verbose health page.")] bool Operator = false,
    [MaxLength(16), Description("What it may do, beside that: each 1 to 100 letters, digits, points, colons and hyphens."), Example(
        "[\"reports\"]")] IReadOnlyList<string>? Scopes = null,
    [Description("When it ends by itself, at least a minute ahead; null never."), Example(
        "2100-01-01T00:00:00Z")] DateTimeOffset? ExpiresAt = null) : IValidatableObject
{
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Scopes?.Any(
            s => s is null or { Length: 0 or > 100 } || !s.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or ':' or '-')) == true)
            yield return new ValidationResult("A scope is 1 to 100 letters, digits, points, colons and hyphens.", [nameof(Scopes)]);
        if (Expiry.IsPast(ExpiresAt)) yield return new ValidationResult(Expiry.Fault, [nameof(ExpiresAt)]);
    }
}

/// <param name="OverlapSeconds">How long the old key works beside the new one; a day unless said otherwise.</param>
/// <param name="ExpiresAt">When the new one ends by itself.</param>
public sealed record RotateKey(
    [Range(0, 90 * 86_400), Description("How long the old key works beside the new one.")] int OverlapSeconds = 86_400,
    [Description("When the new one ends by itself, at least a minute ahead; null never."), Example(
        "2100-01-01T00:00:00Z")] DateTimeOffset? ExpiresAt = null) : IValidatableObject
{
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Expiry.IsPast(ExpiresAt)) yield return new ValidationResult(Expiry.Fault, [nameof(ExpiresAt)]);
    }
}

internal static class Expiry
{
    public const string Fault = "expiresAt must be at least a minute ahead.";

    // A minute, so that it cannot pass between this look and the key's making.
    public static bool IsPast(DateTimeOffset? expiresAt) => expiresAt < TimeProvider.System.GetUtcNow().AddMinutes(1);
}
