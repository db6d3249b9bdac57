using System.ComponentModel.DataAnnotations;
using Surety;
using Surety.Storage;

namespace Payments;

/// <summary>API keys, for operators. Not idempotent on purpose: the answer holds a secret, and a stored answer would keep it.</summary>
internal static class KeyEndpoints
{
    public static void MapKeys(this IEndpointRouteBuilder app)
    {
        var keys = app.MapGroup("/keys").RequireAuthorization("operator");
        keys.MapPost("", async (NewKey request, ApiKeys make, CancellationToken cancel) =>
        {
            var key = await make.CreateAsync(request.Principal, request.Operator ? ["operator"] : [], cancel: cancel);
            return Results.Created($"/keys/{key.Prefix}", new { key.Prefix, request.Principal, key.Secret });
        });
        keys.MapGet("", async (ApiKeys made, CancellationToken cancel) => new { Items = await made.ListAsync(cancel) });
        keys.MapDelete("/{prefix}", async (string prefix, ApiKeys made, CancellationToken cancel) =>
            await made.RevokeAsync(prefix, cancel) ? Results.NoContent() : Problem.Of(404, "not-found", "There is no such key, or it is revoked already."));
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

    internal sealed record NewKey([Required, StringLength(200, MinimumLength = 1)] string Principal, bool Operator = false);
}
