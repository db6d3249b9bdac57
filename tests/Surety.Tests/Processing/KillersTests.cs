using Shouldly;

namespace Surety.Tests.Processing;

public sealed class SqliteKillersTests() : KillersTests(SqlitePlace.OpenAsync);

public sealed class PostgresKillersTests() : KillersTests(PostgresPlace.OpenAsync);

/// <summary>
/// Messages that kill their process 0.4 s after they begin, among honest ones, on two nodes that are started again whenever they die:
/// a message that is merely there at the time does not die of it. SURETY_LONG=1 has 6 of them among 267 honest ones, ten times.
/// </summary>
public abstract class KillersTests(Func<Task<Place>> open)
{
    private static readonly bool IsLong = Counts.AreWhole;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(IsLong ? 10 : 2);

    [Fact]
    public async Task Of_messages_that_kill_their_process_and_honest_ones_beside_them_only_the_killers_die()
    {
        for (var round = 0; round < (IsLong ? 10 : 1); round++)
            await RunAsync(killers: IsLong ? 6 : 2, honest: IsLong ? 267 : 60, most: IsLong ? 3 : 2);
    }

    private async Task RunAsync(int killers, int honest, int most)
    {
        await using var place = await open();
        await using var producer = await WorkingHost.StartAsync(s => KillerNode.Handlers(s).Configure(o => o.Work = false), place);
        await producer.ExecuteAsync("CREATE TABLE effect (number INTEGER)");
        var messages = new List<object>();
        for (var i = 0; i < honest; i++) messages.Add((i % 3) switch { 0 => new Ping(i), 1 => new Pong(i), _ => new Many(i) });
        // Spread, so that most of them meet others.
        for (var i = 0; i < killers; i++) messages.Insert(messages.Count * (i + 1) / (killers + 1), new Kill(i));
        await producer.Queue.EnqueueAsync([.. messages.Select(m => new Envelope(m))]);

        await using (var one = new KillerNode(place, most))
        await using (var two = new KillerNode(place, most))
        {
            var counts = "";
            await WorkingHost.UntilAsync(async () =>
            {
                var queues = await producer.Get<IQueues>().ListAsync();
                counts = string.Join(
                    ", ", queues.Select(q => $"{q.Queue}: {q.Ready} ready, {q.Scheduled} scheduled, {q.Running} running, {q.Dead} dead"));
                return queues.All(q => q.Ready + q.Scheduled + q.Running == 0);
            }, () => $"{counts}; {one.Deaths + two.Deaths} deaths", Patience);
            // Each death but the last of each killer may have been several killers' at once; none was for nothing.
            (one.Deaths + two.Deaths).ShouldBeInRange(killers, killers * most);
        }

        var left = (await producer.Messages.ListAsync(new MessageFilter { Limit = 1000 })).Items;
        left.ShouldAllBe(m => m.Kind == "test.kill" && m.Status == MessageStatus.Dead && m.Cause == "process died" && m.Deaths >= most);
        left.Count.ShouldBe(killers);
        (await producer.ScalarAsync("SELECT count(*) FROM effect")).ShouldBe(honest - honest / 3);
        (await producer.ScalarAsync("SELECT count(DISTINCT number) FROM effect")).ShouldBe(honest - honest / 3);
    }
}
