using FsCheck;
using FsCheck.Fluent;

namespace Surety.StoreContract.Model;

/// <summary>What can happen to a store.</summary>
public enum Happening
{
    Enqueue, Claim, Settle,
    Start, Report, Cancel, Join, Heartbeat, Leave, Rescue, TimePasses, LeasesRunOut, Requeue, RequeueAll, Discard, Pause, Resume, Prune,
}

/// <summary>
/// One step of a random story. The numbers choose among what there is when the step is taken, so that every part of a story is a story,
/// too, and failures shrink.
/// </summary>
public sealed record Step(Happening Happening, int A, int B, int C)
{
    private static readonly (int Weight, Happening Happening)[] Weights =
    [
        (20, Happening.Enqueue), (14, Happening.Claim), (20, Happening.Settle),
        (4, Happening.Start), (2, Happening.Report), (4, Happening.Cancel), (1, Happening.Join), (2, Happening.Heartbeat),
        (1, Happening.Leave), (3, Happening.Rescue),
        (6, Happening.TimePasses), (3, Happening.LeasesRunOut), (5, Happening.Requeue), (1, Happening.RequeueAll), (1, Happening.Discard),
        (1, Happening.Pause), (3, Happening.Resume), (1, Happening.Prune),
    ];

    public static Arbitrary<Step[]> Stories(int longest)
    {
        var number = Gen.Choose(0, 999);
        var happening = Gen.Frequency([.. Weights.Select(w => (w.Weight, Gen.Constant(w.Happening)))]);
        var step = from h in happening from a in number from b in number from c in number select new Step(h, a, b, c);
        var story = from length in Gen.Choose(1, longest) from steps in step.ArrayOf(length) select steps;
        return Arb.From(story, Shorter);
    }

    /// <summary>The story without one of its parts, large parts first.</summary>
    private static IEnumerable<Step[]> Shorter(Step[] story)
    {
        for (var part = story.Length / 2; part >= 1; part /= 2)
        {
            for (var at = 0; at + part <= story.Length; at += part) yield return [.. story[..at], .. story[(at + part)..]];
        }
    }
}
