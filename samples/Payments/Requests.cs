using System.ComponentModel.DataAnnotations;

namespace Payments;

/// <summary>What clients send. The attributes are checked before a transaction begins.</summary>
public sealed record OpenAccount(
    [Required, StringLength(200, MinimumLength = 1), Text] string Owner,
    [Required, Currency] string Currency,
    [Amount(least: 0)] string OverdraftLimit = "0");

/// <summary>What is left out stays.</summary>
public sealed record ChangeAccount([StringLength(200, MinimumLength = 1), Text] string? Owner = null, [Amount(least: 0)] string? OverdraftLimit = null);

public sealed record Deposit(
    [Required, StringLength(20, MinimumLength = 1)] string Account,
    [Required, Amount] string Amount,
    [Required, StringLength(140, MinimumLength = 1), Text] string Reference);

public sealed record TransferMoney(
    [Required, StringLength(20, MinimumLength = 1)] string From,
    [Required, StringLength(20, MinimumLength = 1)] string To,
    [Required, Amount] string Amount,
    [StringLength(140), Text] string? Reference = null) : IValidatableObject
{
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (From == To) yield return new ValidationResult("to must be another account than from.", [nameof(To)]);
    }
}

public sealed record RequestPayout(
    [Required, StringLength(20, MinimumLength = 1)] string Account,
    [Required, Amount] string Amount,
    [Required, StringLength(140, MinimumLength = 1), Text] string Destination);

/// <summary>Text that every database keeps: PostgreSQL has no U+0000.</summary>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class TextAttribute : ValidationAttribute
{
    public override bool IsValid(object? value) => value is not string text || !text.Contains('\0', StringComparison.Ordinal);

    public override string FormatErrorMessage(string name) => $"{name} must not contain the character U+0000.";
}

/// <summary>A whole number of minor units, without sign, point or leading zeros.</summary>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class AmountAttribute(long least = 1) : ValidationAttribute
{
    public const long Most = 1_000_000_000_000_000;

    public long Least => least;

    public override bool IsValid(object? value) => value is null or "" || (value is string text && Ids.Parse(text) is var amount && Ids.Text(amount) == text && amount >= least && amount <= Most);

    public override string FormatErrorMessage(string name) => $"{name} must be a whole number of minor units as a string, {least} to {Most}: \"1250\" is 12.50.";
}
