using System.Security.Cryptography;
using System.Text;
using Surety.AspNetCore.Security;

namespace Surety.AspNetCore.Jobs;

/// <summary>
/// A job's id as clients see it: the message's number, and a signature that this number was given to this caller. When the row is gone, the
/// signature is what tells "no longer" from "never", and it tells it to nobody else. A job that is there is found by its number alone, too.
/// </summary>
internal sealed class JobIds(Signatures signatures)
{
    private const char Separator = '-';
    private const int SignatureBytes = 8;

    public string Text(MessageId id, string? owner) => $"{id}{Separator}{Signature(id, owner)}";

    /// <summary>Takes an id apart; the signature is null when there is none.</summary>
    public static bool TryRead(string text, out MessageId id, out string? signature)
    {
        var end = text.IndexOf(Separator, StringComparison.Ordinal);
        signature = end < 0 ? null : text[(end + 1)..];
        return MessageId.TryParse(end < 0 ? text : text[..end], null, out id);
    }

    public bool IsGiven(MessageId id, string? owner, string signature) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(signature), Encoding.UTF8.GetBytes(Signature(id, owner)));

    private string Signature(MessageId id, string? owner) =>
        Convert.ToHexStringLower(signatures.Sign("job", owner ?? "", id.ToString()).AsSpan(0, SignatureBytes));
}
