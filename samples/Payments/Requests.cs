using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.OpenApi;
using Surety;

namespace Payments;

/// <summary>What clients send. The attributes are checked before a transaction begins.</summary>
public sealed record OpenAccount(
    [Required, StringLength(200, MinimumLength = 1), Text, Description("Who owns the account."), Example("Ada")] string Owner,
    [Required, Currency] string Currency,
    [Amount(least: 0), Description("How far below zero the account may go, in minor units.")] string OverdraftLimit = "0");

/// <summary>What is left out stays.</summary>
public sealed record ChangeAccount(
    [StringLength(200, MinimumLength = 1), Text, Description("Who owns the account."), Example("Ada")] string? Owner = null,
    [Amount(least: 0), Description("How far below zero the account may go, in minor units.")] string? OverdraftLimit = null);

public sealed record Deposit(
    [Required, StringLength(20, MinimumLength = 1), Description("The account's id."), Example("1")] string Account,
    [Required, Amount] string Amount,
    [Required, StringLength(140, MinimumLength = 1), Text, Description("What it is for."), Example("salary")] string Reference);

public sealed record TransferMoney(
    [Required, StringLength(20, MinimumLength = 1), Description("The id of the account that pays."), Example("1")] string From,
    [Required, StringLength(
        20, MinimumLength = 1), Description("The id of the account that is paid; another than from."), Example("2")] string To,
    [Required, Amount] string Amount,
    [StringLength(140), Text, Description("What it is for."), Example("rent")] string? Reference = null) : IValidatableObject
{
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (From == To) yield return new ValidationResult("to must be another account than from.", [nameof(To)]);
    }
}

public sealed record RequestPayout(
    [Required, StringLength(20, MinimumLength = 1), Description("The account's id."), Example("1")] string Account,
    [Required, Amount] string Amount,
    [Required, StringLength(
        140, MinimumLength = 1), Text, Description("Where the provider pays to."), Example("DE89370400440532013000")] string Destination);

/// <summary>Text that every database keeps: PostgreSQL has no U+0000.</summary>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class TextAttribute : ValidationAttribute, IDescribesSchema
{
    public override bool IsValid(object? value) => value is not string text || !text.Contains('\0', StringComparison.Ordinal);

    public override string FormatErrorMessage(string name) => $"{name} must not contain the character U+0000.";

    public void Describe(OpenApiSchema schema) => schema.Pattern = @"^[^\u0000]*$";
}

/// <summary>A whole number of minor units, without sign, point or leading zeros.</summary>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class AmountAttribute(long least = 1) : ValidationAttribute, IDescribesSchema
{
    public const long Most = 1_000_000_000_000_000;

    public long Least => least;

    public override bool IsValid(object? value) => value is null or ""
        || (value is string text && Ids.Parse(text) is var amount && Ids.Text(amount) == text && amount >= least && amount <= Most);

    public override string FormatErrorMessage(string name) =>
        $"{name} must be a whole number of minor units as a string, {least} to {Most}: \"1250\" is 12.50.";

    public void Describe(OpenApiSchema schema)
    {
        schema.Pattern = least == 0 ? "^(0|[1-9][0-9]{0,14}|1000000000000000)$" : "^([1-9][0-9]{0,14}|1000000000000000)$";
        schema.MaxLength = 16;
        schema.Description ??= "A whole number of minor units: 1250 is 12.50.";
        schema.Examples = ["1250"];
    }
}
