using System.Text.Json;

namespace Surety.Rigs;

internal enum CommandKind
{
    Deposit,
    Transfer,
    Payout,
}

/// <summary>One command of a client: what it asks, and the name by which its effects are found again.</summary>
/// <param name="Kind">What is asked.</param>
/// <param name="Reference">
/// The transfer's reference or the payout's destination; no two commands share one. Also the idempotency key.
/// </param>
/// <param name="Account">Whose balance it changes: the receiver of a deposit, the sender of the others.</param>
/// <param name="To">The receiver of a transfer.</param>
/// <param name="Amount">In minor units.</param>
internal sealed record Command(CommandKind Kind, string Reference, string Account, string? To, long Amount)
{
    public string Path => Kind switch { CommandKind.Deposit => "/deposits", CommandKind.Transfer => "/transfers", _ => "/payouts" };

    public byte[] Body()
    {
        var amount = Amount.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return Kind switch
        {
            CommandKind.Deposit => JsonSerializer.SerializeToUtf8Bytes(new { account = Account, amount, reference = Reference }),
            CommandKind.Transfer => JsonSerializer.SerializeToUtf8Bytes(new { from = Account, to = To, amount, reference = Reference }),
            _ => JsonSerializer.SerializeToUtf8Bytes(new { account = Account, amount, destination = Reference }),
        };
    }
}

/// <summary>The answer a client ended with.</summary>
/// <param name="Command">What it had asked.</param>
/// <param name="Status">The final status.</param>
/// <param name="Body">The final body.</param>
/// <param name="Sends">How often the request was sent.</param>
/// <param name="Replayed">Whether the answer came out of the store.</param>
internal sealed record Answer(Command Command, int Status, string Body, int Sends, bool Replayed)
{
    public bool Accepted => Status is 201 or 202;
}
