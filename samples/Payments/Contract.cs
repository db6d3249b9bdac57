using Microsoft.OpenApi;
using Surety;

namespace Payments;

/// <summary>What the OpenAPI document says of the backend as a whole.</summary>
internal static class Contract
{
    public static void Describe(OpenApiDocument document)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Payments",
            Version = "1.0.0",
            Description =
                """
                A small payment backend that keeps its books by double entry.

                Amounts are whole numbers of minor units, as strings: `"1250"` is 12.50. Ids are strings. Instants are in UTC.

                A command that was not answered (a time-out, a lost connection, a 5xx) is sent again, unchanged and with the same
                `Idempotency-Key`, until it is: it takes effect once. Long work is answered with 202 and a job to follow. Every error is a
                problem by RFC 9457; its `code` is for programs, and `outcome` says whether the request may have had an effect.
                """,
            Contact = new OpenApiContact { Name = "The Surety authors", Url = new Uri("https://surety.example") },
            License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
        };
        document.Tags = new HashSet<OpenApiTag>
        {
            new() { Name = "Accounts", Description = "Who holds how much." },
            new() { Name = "Transfers", Description = "Money from one account to another, and from outside into one." },
            new() { Name = "Payouts", Description = "Money that leaves through the payment provider." },
            new() { Name = "Reports", Description = "An account's entries as a file." },
            new() { Name = "Books", Description = "Proof that the books are right." },
            new() { Name = "Keys", Description = "API keys, for operators." },
        };
    }

    public static TBuilder Refuses<TBuilder>(this TBuilder endpoints, params ReadOnlySpan<Refusal> refusals) where TBuilder
        : IEndpointConventionBuilder
    {
        foreach (var refusal in refusals) endpoints.Refuses(refusal.Status, refusal.Code, refusal.Detail);
        return endpoints;
    }
}

/// <summary>An id as the backend gave it out. Any other text is the id of nothing.</summary>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class IdAttribute(string what) : Attribute, IDescribesSchema
{
    public void Describe(OpenApiSchema schema) =>
        (schema.Description, schema.MaxLength, schema.Examples) = ($"The {what}'s id.", 20, ["1"]);
}

/// <summary>An amount that an answer speaks of; it may be negative.</summary>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class MinorUnitsAttribute(string description) : Attribute, IDescribesSchema
{
    public void Describe(OpenApiSchema schema) =>
        (schema.Description, schema.Pattern, schema.Examples) = ($"{description}, in minor units.", "^-?[0-9]{1,19}$", ["1250"]);
}
