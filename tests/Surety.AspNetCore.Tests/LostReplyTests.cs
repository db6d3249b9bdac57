using Surety.Tests.Postgres;

namespace Surety.AspNetCore.Tests;

/// <summary>
/// Many commands through a network that swallows a quarter of the replies to COMMIT, those to the look-ups' too. What a client is told has
/// to be true at every moment, whatever exception the loss shows as.
/// </summary>
public sealed class LostReplyTests
{
    private const int AtOnce = 8;
    private const int MostSends = 100;

    private static readonly bool IsLong = Counts.AreWhole;

    public static TheoryData<int> Seeds()
    {
        var seeds = new TheoryData<int>();
        for (var seed = 1; seed <= (IsLong ? 10 : 1); seed++) seeds.Add(seed);
        return seeds;
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Whatever_reply_is_lost_no_answer_is_false_and_a_repeat_gives_the_true_one(int seed)
    {
        var commands = IsLong ? 4_000 : 200;
        var server = await PostgresServer.SharedAsync();
        await using var proxy = new ReplyProxy(server.Port, seed);
        await using var place = new PostgresEdge(server, proxy.Port);
        await using var app = await EdgeApp.StartAsync(new Deposits().Map, place: place);
        var (sent, unknown) = (0, 0);
        (proxy.SwallowOneIn, proxy.CutOneIn) = (4, 50);
        await Parallel.ForEachAsync(Enumerable.Range(0, commands), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, _) =>
        {
            var key = $"k{i}";
            var (accepted, isKnown) = ((Answer?)null, true);
            for (var sends = 1; accepted is null; sends++)
            {
                sends.ShouldBeLessThan(MostSends, key);
                Interlocked.Increment(ref sent);
                var answer = await app.Alice.PostAsync("/deposits", $$"""{"account":"{{key}}","amount":10}""", ("Idempotency-Key", key));
                if (answer.Status == 201)
                {
                    accepted = answer;
                    break;
                }

                var outcome = answer.Member("outcome");
                if (outcome != "none")
                {
                    outcome.ShouldBe("unknown", answer.Text);
                    Interlocked.Increment(ref unknown);
                    isKnown = false;
                }

                // Once nobody knows of one of them, a later one's word is about itself alone.
                if (isKnown) (await EffectsAsync(key)).ShouldBe(0, $"{key}: {answer.Text}");
            }

            (await EffectsAsync(key)).ShouldBe(1, key);
            (await place.ScalarAsync<long>($"SELECT id FROM {place.Schema}.deposit WHERE account = '{key}'")).ToString()
                .ShouldBe(accepted.Member("id"), key);
        });
        (proxy.SwallowOneIn, proxy.CutOneIn) = (0, 0);

        var accounts = $"{sent} requests, {unknown} unknown, {proxy.Swallowed} replies swallowed, {proxy.Cut} requests cut";
        (await place.ScalarAsync<long>($"SELECT count(*) FROM {place.Schema}.deposit")).ShouldBe(commands, accounts);
        proxy.Swallowed.ShouldBeGreaterThan(commands / 10, accounts);
        proxy.Cut.ShouldBeGreaterThan(0, accounts);

        Task<long> EffectsAsync(string key) =>
            place.ScalarAsync<long>($"SELECT count(*) FROM {place.Schema}.deposit WHERE account = '{key}'");
    }
}
