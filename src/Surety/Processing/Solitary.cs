using Microsoft.Extensions.Logging;
using Surety.Coordination;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Processing;

/// <summary>
/// The messages of this node that have to run alone, of all queues: one at a time, each while nothing else runs, and for at most half of
/// the node's time. They wait here and not in their lanes, where they would take the places of messages that may run.
/// </summary>
internal sealed class Solitary(
    IReadOnlyDictionary<string, QueueOptions> queues, Attempt attempt, Company company, Settler settler, Home home, TimeProvider time,
    ILogger<Solitary> log)
{
    /// <summary>How many wait at most. The others are handed back, and another node may have time for them.</summary>
    public const int MostWaiting = 64;

    private const string Deserted = "It has to run alone, and a handler on this node still runs that was asked to stop. Restart the node, "
        + "or pass the handler's cancellation token on.";

    private readonly Lock gate = new();
    private readonly Queue<ClaimedMessage> waiting = [];
    private ClaimedMessage? current;
    private bool turning;
    private LonePace pace = LonePace.First;
    private long ended;

    /// <summary>Whether nothing waits or runs here.</summary>
    public bool IsIdle
    {
        get { lock (gate) return waiting.Count == 0 && current is null; }
    }

    /// <summary>Takes a message in, or hands it back when there are enough.</summary>
    /// <param name="message">The message.</param>
    /// <param name="stopping">Fires when the host gives up waiting for its loops.</param>
    public ValueTask AcceptAsync(ClaimedMessage message, CancellationToken stopping)
    {
        lock (gate)
        {
            if (waiting.Count < MostWaiting)
            {
                waiting.Enqueue(message);
                if (turning) return ValueTask.CompletedTask;
                turning = true;
                _ = TurnAsync(stopping);
                return ValueTask.CompletedTask;
            }
        }

        return settler.PostAsync(Verdict.NotAlone(message, "It has to run alone, and others on this node wait for that, too."), stopping);
    }

    /// <summary>Adds what was claimed and is not handed to the settler yet.</summary>
    public void AddHeld(ISet<Claim> claims)
    {
        lock (gate)
        {
            foreach (var message in waiting) claims.Add(message.Claim);
            if (current is not null) claims.Add(current.Claim);
        }
    }

    /// <summary>Takes back everything that has not begun, and sends away the attempts that wait for the end of a turn.</summary>
    public IReadOnlyList<ClaimedMessage> Clear()
    {
        List<ClaimedMessage> taken;
        lock (gate)
        {
            taken = [.. waiting];
            waiting.Clear();
        }

        company.TurnAway();
        return taken;
    }

    /// <summary>One turn after the other, as long as anything waits. Never throws.</summary>
    private async Task TurnAsync(CancellationToken stopping)
    {
        await home;
        try
        {
            while (!IsOver())
            {
                if (ended != 0 && pace.Rest - time.GetElapsedTime(ended) is { Ticks: > 0 } rest) await Task.Delay(rest, time, stopping);
                if (company.HasDeserters)
                {
                    foreach (var message in Clear())
                        await settler.PostAsync(Verdict.NotAlone(message, Deserted), stopping);
                    continue;
                }

                var began = time.GetTimestamp();
                var isQuiet = await company.ClearAsync(pace.Patience, stopping);
                try
                {
                    if (isQuiet) await RunNextAsync(stopping);
                }
                finally
                {
                    if (isQuiet) company.LetIn();
                    ended = time.GetTimestamp();
                    pace = pace.After(time.GetElapsedTime(began), isQuiet);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }

    private async Task RunNextAsync(CancellationToken stopping)
    {
        lock (gate)
        {
            // Cleared meanwhile.
            if (!waiting.TryDequeue(out current)) return;
        }

        try
        {
            Log.RunsAlone(log, current.Claim.Id, current.Kind, current.Queue, current.Deaths);
            await attempt.RunAloneAsync(current, queues[current.Queue], stopping);
        }
        finally
        {
            lock (gate) current = null;
        }
    }

    private bool IsOver()
    {
        lock (gate)
        {
            if (waiting.Count > 0) return false;
            turning = false;
            return true;
        }
    }
}
