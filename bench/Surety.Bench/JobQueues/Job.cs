namespace Surety.Bench.JobQueues;

/// <summary>What every contender carries: about 250 bytes of JSON, the same as bench/queue/peers/player.mjs makes.</summary>
[Message("bench.job")]
public sealed record Job(
    long Number, long SentAt, string Transfer, string From, string To, string Amount, string Currency, string Reference)
{
    /// <param name="number">Each is enqueued once.</param>
    /// <param name="sentAt">Microseconds of the Unix clock.</param>
    public static Job Nr(long number, long sentAt) => new(
        number, sentAt, $"{number:x8}-0001-0002-0304-05060708090a", "account-000000000001",
            "account-000000000002", "1250", "EUR", "Invoice 2026-0001, thank you for your order, please do not answer");
}
