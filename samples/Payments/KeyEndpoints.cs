using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Surety;
using Surety.Storage;

namespace Payments;

/// <summary>API keys, for operators. Not idempotent on purpose: the answer holds a secret, and a stored answer would keep it.</summary>
internal static class KeyEndpoints
{
    public static void MapKeys(this IEndpointRouteBuilder app)
    {
        var keys = app.MapGroup("/keys").RequireAuthorization("operator").WithTags("Keys");
        keys.MapPost("", async (NewKey request, ApiKeys make, CancellationToken cancel) =>
        {
            var key = await make.CreateAsync(request.Principal, request.Operator ? ["operator"] : [], cancel: cancel);
            return Results.Created($"/keys/{key.Prefix}", new MadeKey(key.Prefix, request.Principal, key.Secret));
        }).WithName("createKey").WithSummary("Make an API key").WithDescription("The secret is shown this once. Takes no Idempotency-Key: a stored answer would keep it.").Produces<MadeKey>(201);
        keys.MapGet("", async (ApiKeys made, CancellationToken cancel) => new KeyList(await made.ListAsync(cancel: cancel)))
            .WithName("listKeys").WithSummary("List the API keys").WithDescription("Newest first, revoked and expired ones included; never the secrets.");
        keys.MapDelete("/{prefix}", async ([Description("The key's public part."), Example("0123456789ab")] string prefix, ApiKeys made, CancellationToken cancel) =>
            await made.RevokeAsync(prefix, cancel) ? Results.NoContent() : Problem.Of(404, "not-found", "There is no such key, or it is revoked already."))
            .WithName("revokeKey").WithSummary("Revoke an API key").WithDescription("For ever: here from now on, at other nodes within 5 s.").Produces(204).Refuses(404, "not-found", "There is no such key, or it is revoked already.");
    }

    /// <summary>The first operator's key has to come from somebody at the machine: <c>Payments keys create NAME</c>.</summary>
    public static async Task<int> CreateFirstAsync(IServiceProvider services, string principal)
    {
        await services.GetRequiredService<IStore>().OpenAsync(CancellationToken.None);
        var key = await services.GetRequiredService<ApiKeys>().CreateAsync(principal, ["operator"]);
        Console.WriteLine(key.Secret);
        if (services is IAsyncDisposable disposable) await disposable.DisposeAsync();
        return 0;
    }

    internal sealed record MadeKey([Example("0123456789ab")] string Prefix, [Example("ada")] string Principal, [Description("Not stored anywhere."), Example("sk_0123456789ab_…")] string Secret);

    internal sealed record KeyList(IReadOnlyList<ApiKeyInfo> Items);
}

/// <summary>Public and not inside another type: the validation's generator passes over what is not.</summary>
public sealed record NewKey(
    [Required, StringLength(200, MinimumLength = 1), Text, Description("Who acts with it. Several keys may have one principal."), Example("ada")] string Principal,
    [Description("Opens every job, the keys, and the verbose health page.")] bool Operator = false);
