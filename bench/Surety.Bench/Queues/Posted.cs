namespace Surety.Bench.Queues;

/// <summary>The message both contenders carry: about 250 bytes of JSON.</summary>
[Message("bench.posted")]
public sealed record Posted(
    long Number, Guid Transfer, string From, string To, string Amount, string Currency, string Reference, DateTimeOffset PostedAt)
{
    private static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    public static Posted Nr(long number) =>
        new(number, new Guid((int)number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
            "account-000000000001", "account-000000000002", "1250", "EUR", "Invoice 2026-0001, thank you for your order", At);

    public static Posted[] Batch(long first, int count)
    {
        var batch = new Posted[count];
        for (var i = 0; i < count; i++) batch[i] = Nr(first + i);
        return batch;
    }
}
