namespace Surety.Bench.Commands;

/// <summary>What a client asks for.</summary>
public sealed record Transfer(long From, long To, long Amount, string? Reference);

/// <summary>What it is answered.</summary>
public sealed record Transferred(long Id, long From, long To, long Amount, string? Reference, DateTimeOffset PostedAt);

/// <summary>What the commit tells the rest of the backend.</summary>
[Message("transfer.posted")]
public sealed record TransferPosted(long Id, long From, long To, long Amount);
