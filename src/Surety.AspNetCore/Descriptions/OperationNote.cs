using Microsoft.OpenApi;

namespace Surety.AspNetCore.Descriptions;

/// <summary>What Surety says of an endpoint of its own.</summary>
/// <param name="Describe">Changes the operation.</param>
/// <param name="ReadsBodyItself">The endpoint's refusals of a body are its own, not the framework's.</param>
internal sealed record OperationNote(Action<OpenApiOperation, OperationSite> Describe, bool ReadsBodyItself);

/// <summary>Where an operation stands.</summary>
internal sealed record OperationSite(string Method, OpenApiDocument Document, EdgeOptions Edge)
{
    /// <summary>The problems that it alone answers with.</summary>
    public List<Refusal> Refusals { get; } = [];

    /// <summary>What those carry, by their status; 0 for every one of them.</summary>
    public List<(int Status, string Header)> RefusalHeaders { get; } = [];
}
