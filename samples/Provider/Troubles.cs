namespace Provider;

/// <summary>How the provider is to fail. <c>PUT /troubles</c> replaces it; everything absent is off.</summary>
public sealed record TroublePlan
{
    /// <summary>How many of the next payments are refused with <see cref="Status"/>.</summary>
    public int FailNext { get; init; }

    /// <summary>How many of a hundred payments are refused, at random.</summary>
    public int FailPercent { get; init; }

    /// <summary>The status of a refusal.</summary>
    public int Status { get; init; } = StatusCodes.Status503ServiceUnavailable;

    /// <summary>What a refusal says in Retry-After.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>How many of the next payments are recorded, and their answer lost.</summary>
    public int LoseNext { get; init; }

    /// <summary>How many of a hundred payments are recorded, and their answer lost.</summary>
    public int LosePercent { get; init; }

    /// <summary>How long a payment takes.</summary>
    public int DelayMs { get; init; }
}

/// <summary>Draws the next payment's fate.</summary>
public sealed class Troubles
{
    private readonly Lock gate = new();
    private readonly Random random = new(1);
    private TroublePlan plan = new();

    public TroublePlan Plan
    {
        get
        {
            lock (gate) return plan;
        }
        set
        {
            lock (gate) plan = value;
        }
    }

    public Trouble Next()
    {
        lock (gate)
        {
            var delay = TimeSpan.FromMilliseconds(plan.DelayMs);
            if (plan.FailNext > 0)
            {
                plan = plan with { FailNext = plan.FailNext - 1 };
                return new Trouble(delay, plan.Status, false);
            }

            if (random.Next(100) < plan.FailPercent) return new Trouble(delay, plan.Status, false);
            if (plan.LoseNext == 0) return new Trouble(delay, null, random.Next(100) < plan.LosePercent);
            plan = plan with { LoseNext = plan.LoseNext - 1 };
            return new Trouble(delay, null, true);
        }
    }
}

/// <summary>One payment's fate.</summary>
public readonly record struct Trouble(TimeSpan Delay, int? Refuse, bool LoseAnswer);
