using Shouldly;
using Surety.Postgres.Wakeups;

namespace Surety.Tests.Postgres;

/// <summary>Where a node looks, when, and how many it asks for. Instants are milliseconds from the start.</summary>
public class ClaimPlannerTests
{
    private static readonly Look Nothing = new(0, IsAll: false) { Plain = false, Other = false, IsAround = true };
    private static readonly Look Three = Nothing with { Count = 3, IsAll = true, Plain = true };
    private static readonly Look Backlog = Three with { Count = 300, IsAll = false };

    [Fact]
    public void A_new_node_looks_at_once() => ClaimPlanner.New.NextLook(0).ShouldBeLessThanOrEqualTo(TimeSpan.Zero);

    [Fact]
    public void A_node_that_finds_nothing_looks_every_two_seconds() => After(Nothing, At(5000)).NextLook(0).ShouldBe(At(7000));

    [Theory]
    [InlineData(3, 1)]
    [InlineData(49, 1)]
    [InlineData(50, 5)]
    public void Where_looking_pays_the_next_look_is_as_soon_as_some_have_gathered(int found, int milliseconds) =>
        After(Three with { Count = found }, At(100)).NextLook(0).ShouldBe(At(100 + milliseconds));

    [Fact]
    public void Several_nodes_that_find_many_let_them_gather_for_as_many_times_as_long()
    {
        var many = Three with { Count = 80 };
        foreach (var (nodes, milliseconds) in new[] { (1, 5), (2, 10), (4, 20), (9, 20) })
            Looked(ClaimPlanner.New.Among(nodes), many, At(100)).NextLook(0).ShouldBe(At(100 + milliseconds));
    }

    [Fact]
    public void A_node_without_the_turn_lets_what_it_commits_itself_gather_for_as_many_times_as_long()
    {
        foreach (var (nodes, milliseconds) in new[] { (1, 1), (2, 2), (4, 4), (9, 4) })
            Looked(ClaimPlanner.New.Among(nodes), Three, At(100), own: 1).NextLook(2).ShouldBe(At(100 + milliseconds));
        Looked(ClaimPlanner.New.Among(4).Heard(true, At(50)), Three, At(100), own: 1).NextLook(2).ShouldBe(At(101));
    }

    [Fact]
    public void Who_left_some_looks_at_once() => After(Backlog, At(100)).NextLook(0).ShouldBe(At(100));

    [Fact]
    public void Looks_that_find_nothing_after_work_become_rarer_until_the_work_is_a_second_ago()
    {
        var plan = After(Three, At(0));
        var pauses = new List<double>();
        for (var now = At(1); now < At(2000); now = plan.NextLook(0))
        {
            plan = Looked(plan, Nothing, now);
            pauses.Add((plan.NextLook(0) - now).TotalMilliseconds);
        }

        pauses.ShouldBe([4, 8, 16, 32, 64, .. Enumerable.Repeat(100.0, 9), 2000]);
    }

    [Fact]
    public void What_this_process_commits_is_looked_for_when_others_had_time_to_join_it_and_not_before()
    {
        var plan = Looked(ClaimPlanner.New, Three, At(100), own: 4);
        plan.NextLook(5).ShouldBe(At(101));
        plan.NextLook(5).ShouldBe(plan.Earliest);
        // Also where another node has the turn, which may have taken what this look was for: then the next may gather.
        Looked(ClaimPlanner.New.Among(2).Heard(false, At(0)), Nothing, At(100)).NextLook(1).ShouldBe(At(100));
        Looked(ClaimPlanner.New.Among(2).Heard(false, At(0)), Nothing, At(100), own: 4).NextLook(5).ShouldBe(At(102));
    }

    [Fact]
    public void Others_are_needed_until_a_look_has_begun_since_the_last_commit_and_left_nothing()
    {
        var plan = Looked(ClaimPlanner.New, Three, At(100), own: 4);
        plan.NeedsNobodyElse(4).ShouldBeTrue();
        plan.NeedsNobodyElse(5).ShouldBeFalse();
        Looked(plan, Backlog, At(101), own: 5).NeedsNobodyElse(5).ShouldBeFalse();
    }

    [Fact]
    public void A_find_of_what_this_process_announced_itself_does_not_show_that_looking_pays()
    {
        var plan = Looked(ClaimPlanner.New, Three, At(100), own: 1);
        plan.NextLook(1).ShouldBe(At(101) + ClaimPlanner.First);
        Looked(plan, Three, At(103), own: 1).NextLook(1).ShouldBe(At(104));
    }

    [Fact]
    public void A_call_wakes_the_node_it_is_for_and_gives_it_the_turn()
    {
        var others = Looked(ClaimPlanner.New.Among(4).Heard(false, At(0)), Nothing, At(10));
        var called = others.Heard(true, At(50));
        called.NextLook(0).ShouldBeLessThanOrEqualTo(At(50));
        Looked(called, Three, At(51)).NextLook(0).ShouldBe(At(52));
    }

    [Fact]
    public void Whose_turn_is_over_stops_asking_and_looks_only_after_a_pause()
    {
        var plan = Looked(ClaimPlanner.New.Among(4).Heard(true, At(0)), Three, At(1)).Heard(false, At(3));
        plan.NextLook(0).ShouldBe(At(3) + ClaimPlanner.Patience);
        // The pause begins with the first of several calls, or they would put it off for ever.
        plan.Heard(false, At(50)).NextLook(0).ShouldBe(At(3) + ClaimPlanner.Patience);
    }

    [Fact]
    public void The_pause_is_longer_after_such_looks_that_found_nothing_and_short_again_after_one_that_found_some()
    {
        var plan = Looked(ClaimPlanner.New.Among(2).Heard(true, At(0)), Nothing, At(9_990));
        foreach (var wait in new[] { 100, 200, 400, 400 })
        {
            plan = plan.Heard(false, At(10_000));
            plan.NextLook(0).ShouldBe(At(10_000 + wait));
            plan = Looked(plan, Nothing, At(9_990));
        }

        Looked(plan, Three, At(9_990)).Heard(false, At(10_000)).NextLook(0).ShouldBe(At(10_100));
    }

    [Fact]
    public void A_node_that_finds_full_claims_goes_on_whoevers_turn_it_is()
    {
        var plan = Looked(ClaimPlanner.New.Among(4).Heard(false, At(0)), Backlog, At(100)).Heard(false, At(100));
        plan.NextLook(0).ShouldBe(At(100));
        Looked(plan, Three with { Count = 80 }, At(101)).Heard(false, At(102)).NextLook(0).ShouldBe(At(121));
    }

    [Fact]
    public void A_node_that_can_hear_nothing_asks_as_one_that_is_alone() =>
        Looked(ClaimPlanner.New.Among(4).Deaf(), Three, At(100)).NextLook(0).ShouldBe(At(101));

    [Fact]
    public void A_turn_is_over_a_second_after_its_last_call()
    {
        var plan = ClaimPlanner.New.Among(4).Heard(true, At(100));
        Looked(plan, Three, At(1_000)).NextLook(0).ShouldBe(At(1_001));
        Looked(plan, Three, At(1_100)).NextLook(0).ShouldBe(At(1_500));
        // And nobody has one whom nobody has called.
        Looked(ClaimPlanner.New.Among(4), Three, At(100)).NextLook(0).ShouldBe(At(500));
    }

    [Fact]
    public void The_others_leave_and_the_turn_stays_with_the_last_one() =>
        Looked(ClaimPlanner.New.Among(2).Heard(false, At(0)).Among(1), Three, At(100)).Heard(false, At(100)).NextLook(0).ShouldBe(At(101));

    [Fact]
    public void Its_own_call_gives_the_turn_away_and_is_nothing_to_wait_for()
    {
        var plan = Looked(ClaimPlanner.New.Among(2), Nothing, At(100)).HeardSelf(false, At(101));
        plan.NextLook(0).ShouldBe(At(2100));
    }

    [Fact]
    public void A_message_that_becomes_due_is_looked_for_a_hair_late()
    {
        After(Nothing with { Due = At(500) }, At(100)).NextLook(0).ShouldBe(At(601));
        // A look that did not look around knows nothing new of it; the next one that did, does.
        var plan = Looked(After(Nothing with { Due = At(500) }, At(100)), new Look(0, false) { Plain = false }, At(200));
        plan.NextLook(0).ShouldBe(At(601));
        Looked(plan, Nothing, At(300)).NextLook(0).ShouldBe(At(2300));
    }

    [Fact]
    public void While_claims_find_something_one_in_eight_looks_around_and_both_sorts_have_their_turn()
    {
        Firsts(Three).ShouldBe([LookFirst.Around, .. Enumerable.Repeat(LookFirst.Plain, 6), LookFirst.Around, LookFirst.Plain]);
        Firsts(Three with { Other = true }).ShouldBe(
        [
            LookFirst.Around, LookFirst.Plain, LookFirst.Other, LookFirst.Plain, LookFirst.Other, LookFirst.Plain, LookFirst.Other,
            LookFirst.Around, LookFirst.Other,
        ]);
        Firsts(Nothing).ShouldAllBe(f => f == LookFirst.Around);

        static List<LookFirst> Firsts(Look found)
        {
            var (plan, firsts) = (ClaimPlanner.New, new List<LookFirst>());
            for (var i = 0; i < 9; i++)
            {
                firsts.Add((plan = plan.Begin(0)).Where());
                plan = plan.End(found, At(i));
            }

            return firsts;
        }
    }

    [Fact]
    public void What_a_look_did_not_ask_stays_as_it_was()
    {
        var plan = After(Three with { Other = true }, At(0));
        plan.Begin(0).End(new Look(1, true) { Plain = true }, At(1)).OtherFound.ShouldBeTrue();
        plan.Made().Begin(0).Where().ShouldBe(LookFirst.Around);
    }

    [Fact]
    public void One_older_segment_is_believed_to_be_the_only_one_for_a_moment_and_for_the_queues_it_was_seen_in()
    {
        var plan = ClaimPlanner.New.FoundInSegments(Seen(asked: -1, oldest: 2));
        plan.OldestFor(["a", "b"], At(200)).ShouldBe(2);
        plan.OldestFor(["b"], At(200)).ShouldBe(2);
        plan.OldestFor(["b", "c"], At(200)).ShouldBe(-1);
        plan.OldestFor(["a"], At(201)).ShouldBe(-1);
        // A look at that one only says nothing of the others.
        plan.FoundInSegments(Seen(asked: 2, oldest: 2) with { Began = At(190) }).OldestFor(["a"], At(201)).ShouldBe(-1);
        plan.FoundInSegments(Seen(asked: -1, oldest: SegmentLook.Several)).OldestFor(["a"], At(150)).ShouldBe(-1);
        plan.FoundInSegments(Seen(asked: 2, oldest: null)).OldestFor(["a"], At(150)).ShouldBe(-1);
    }

    [Theory]
    [InlineData(100, 100_000, 65)]
    [InlineData(100, 0, 655)]
    [InlineData(2, 2_000_000, 8)]
    public void A_claim_asks_for_as_many_as_fit_one_answer_by_the_size_last_seen(int count, long bodyBytes, int rows) =>
        ClaimPlanner.New.FoundInSegments(Seen(-1, 0) with { Count = count, BodyBytes = bodyBytes }).Most(1).Rows.ShouldBe(rows);

    /// <summary>
    /// Whatever happens in whatever order: a node looks again at the latest two seconds after its last look, at once after a call or a
    /// commit of its own, and never before messages had time to gather.
    /// </summary>
    [Fact]
    public void No_order_of_events_puts_a_look_off_for_more_than_two_seconds_or_hides_a_call()
    {
        for (var seed = 0; seed < 2_000; seed++)
        {
            var random = new Random(seed);
            var (plan, now, own, called, ended) = (ClaimPlanner.New.Among(random.Next(1, 6)), At(0), 0L, false, At(0));
            for (var step = 0; step < 40; step++)
            {
                now += At(random.Next(0, 300));
                switch (random.Next(6))
                {
                    case 0:
                        plan = plan.Heard(called = true, now);
                        break;
                    case 1:
                        plan = plan.Heard(false, now);
                        break;
                    case 2:
                        plan = plan.HeardSelf(random.Next(2) == 0, now);
                        break;
                    case 3:
                        plan = plan.Among(random.Next(1, 6));
                        break;
                    default:
                        var before = random.Next(3) == 0 ? own++ : own;
                        var count = random.Next(3) * random.Next(60);
                        TimeSpan? due = random.Next(4) == 0 ? At(random.Next(3000)) : null;
                        var look = new Look(count, random.Next(2) == 0) { Plain = count > 0, Other = false, IsAround = true, Due = due };
                        plan = plan.Begin(before).End(look, ended = now);
                        called = false;
                        if (before != own) plan.NextLook(own).ShouldBe(plan.Earliest, $"seed {seed}");
                        break;
                }

                var next = plan.NextLook(own);
                next.ShouldBeLessThanOrEqualTo(ended + ClaimPlanner.Rare, $"seed {seed}");
                if (step > 0 && ended > At(0)) next.ShouldBeGreaterThanOrEqualTo(plan.Earliest, $"seed {seed}");
                if (called) next.ShouldBe(plan.Earliest, $"seed {seed}");
            }
        }
    }

    [Fact]
    public void A_call_is_for_one_of_the_live_nodes_and_is_passed_on_to_each_of_the_others()
    {
        for (var count = 1; count < 6; count++)
        {
            NodeRank[] ranks = [.. Enumerable.Range(0, count).Select(place => new NodeRank(place, count))];
            foreach (var number in new[] { 0L, 7, 36_000_000_001 }) ranks.Count(r => r.IsFor(number)).ShouldBe(1);
            var rank = ranks[0];
            var met = new HashSet<NodeRank> { rank };
            while (met.Add(rank = ranks.Single(r => r.IsFor(rank.Next))))
            {
            }

            met.Count.ShouldBe(count);
        }
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("somebody", null)]
    [InlineData("a 1", null)]
    [InlineData("a b 0", null)]
    [InlineData("a -1 0", null)]
    [InlineData("a 36000000001 2", 36_000_000_001L)]
    public void A_notification_that_is_none_of_ours_is_no_call(string payload, long? number) =>
        (WorkCall.Read(payload)?.Number).ShouldBe(number);

    private static TimeSpan At(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    private static ClaimPlanner After(Look look, TimeSpan now) => Looked(ClaimPlanner.New, look, now);

    private static ClaimPlanner Looked(ClaimPlanner plan, Look look, TimeSpan now, long own = 0) => plan.Begin(own).End(look, now);

    private static SegmentLook Seen(int asked, int? oldest) => new(["a", "b"], asked, At(100), 65_536) { Count = 1, Oldest = oldest };
}
