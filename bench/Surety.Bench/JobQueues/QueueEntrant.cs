namespace Surety.Bench.JobQueues;

/// <summary>A queue that takes part through its public interface.</summary>
internal abstract class QueueEntrant(Workbench bench, string contender, Crew crew, string variant = "") : Entrant(contender + variant)
{
    /// <summary>How long a round may take before it is given up.</summary>
    protected TimeSpan Patience => TimeSpan.FromMinutes(bench.Settings.Quick ? 1 : 5);

    protected Workbench Bench => bench;

    protected Crew Crew => crew;

    public override TimeSpan ProcessorTime() => crew.ProcessorTime;

    public override TimeSpan Compiled() => crew.Compiled;

    public override ValueTask DisposeAsync() => crew.DisposeAsync();

    protected Order On(string database, string what) => new(what) { Socket = bench.Server.Folder, Database = database };

    protected Task OpenAsync(string database) => crew.Producer.DoAsync(On(database, "open"), "opened");

    /// <summary>With new connections: the old ones report what they did at their end, and no later.</summary>
    protected async Task ReopenAsync(string database)
    {
        await crew.Producer.DoAsync(new Order("close"), "closed");
        await OpenAsync(database);
    }

    protected async Task<long> LeftAsync() => (await crew.Producer.DoAsync(new Order("left"), "left")).Count;

    /// <summary>Throws unless all jobs were handled once, and settled.</summary>
    protected async Task CheckAsync(Tally handled, long count)
    {
        handled.Check(0, count, Name);
        var left = await LeftAsync();
        await crew.Producer.DoAsync(new Order("close"), "closed");
        if (left > 0) throw new InvalidOperationException($"{Name} left {left} jobs unsettled.");
    }
}
