namespace Surety.AspNetCore.Descriptions;

/// <summary>A problem that an endpoint may answer with.</summary>
internal sealed record Refusal(int Status, string Code, string Detail);

/// <summary>A header that an endpoint's answers of a status carry.</summary>
internal sealed record AnswerHeader(int Status, string Name, string? Description);
