namespace Surety.AspNetCore;

/// <summary>What a violated constraint means to a client.</summary>
internal sealed record ConstraintProblem(int Status, string Code, string Detail);
