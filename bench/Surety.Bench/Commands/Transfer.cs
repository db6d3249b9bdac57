using System.ComponentModel.DataAnnotations;

namespace Surety.Bench.Commands;

/// <summary>What a client asks for. The attributes are for the framework's validation, where that is on.</summary>
public sealed record Transfer(
    [Range(1L, long.MaxValue)] long From, [Range(1L, long.MaxValue)] long To,
        [Range(1L, 1_000_000_000_000L)] long Amount, [StringLength(140)] string? Reference) : IValidatableObject
{
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (From == To) yield return new ValidationResult("to must be another account than from.", [nameof(To)]);
    }
}

/// <summary>What it is answered.</summary>
public sealed record Transferred(long Id, long From, long To, long Amount, string? Reference, DateTimeOffset PostedAt);

/// <summary>What the commit tells the rest of the backend.</summary>
[Message("transfer.posted")]
public sealed record TransferPosted(long Id, long From, long To, long Amount);
