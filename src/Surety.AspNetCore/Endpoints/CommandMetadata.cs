namespace Surety.AspNetCore.Endpoints;

/// <summary>Marks an endpoint whose handler runs in a unit of work of the edge's.</summary>
/// <param name="KeyRequired">Requests without an idempotency key are refused.</param>
internal sealed record CommandMetadata(bool KeyRequired)
{
    public const string KeyHeader = "Idempotency-Key";
    public const int MaxKeyLength = 255;
}
