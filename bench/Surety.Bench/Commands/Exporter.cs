using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;

namespace Surety.Bench.Commands;

/// <summary>
/// Takes every span of the framework and of Surety, with all its attributes, and every measurement, as an exporter of telemetry does: spans
/// are queued, written in batches in the background and sent nowhere; measurements are added up.
/// </summary>
internal sealed class Exporter : IDisposable
{
    private static readonly HashSet<string> Sources = ["Microsoft.AspNetCore", "Surety"];

    // The defaults of OpenTelemetry's batch processor.
    private const int MostQueued = 2_048;
    private const int Batch = 512;
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(5);

    private readonly ConcurrentQueue<Activity> spans = [];
    private readonly SemaphoreSlim due = new(0);
    private readonly ActivityListener traces;
    private readonly MeterListener metrics = new();
    private int queued;
    private volatile bool ended;
    private double sum;

    public Exporter()
    {
        traces = new ActivityListener
        {
            ShouldListenTo = source => Sources.Contains(source.Name),
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = Queue,
        };
        ActivitySource.AddActivityListener(traces);
        metrics.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Surety" || instrument.Meter.Name.StartsWith("Microsoft.AspNetCore.", StringComparison.Ordinal))
                listener.EnableMeasurementEvents(instrument);
        };
        metrics.SetMeasurementEventCallback<long>((_, value, _, _) => Add(value));
        metrics.SetMeasurementEventCallback<int>((_, value, _, _) => Add(value));
        metrics.SetMeasurementEventCallback<double>((_, value, _, _) => Add(value));
        metrics.Start();
        _ = WriteAsync();
    }

    public void Dispose()
    {
        traces.Dispose();
        metrics.Dispose();
        ended = true;
        due.Release();
    }

    private void Queue(Activity span)
    {
        var now = Interlocked.Increment(ref queued);
        if (now > MostQueued)
        {
            Interlocked.Decrement(ref queued);
            return;
        }

        spans.Enqueue(span);
        if (now == Batch) due.Release();
    }

    private void Add(double value)
    {
        double seen;
        do seen = Volatile.Read(ref sum);
        while (Interlocked.CompareExchange(ref sum, seen + value, seen) != seen);
    }

    private async Task WriteAsync()
    {
        await using var json = new Utf8JsonWriter(Stream.Null);
        while (!ended)
        {
            await due.WaitAsync(Delay);
            while (spans.TryDequeue(out var span))
            {
                Interlocked.Decrement(ref queued);
                Write(json, span);
                json.Reset();
            }
        }
    }

    private static void Write(Utf8JsonWriter json, Activity span)
    {
        json.WriteStartObject();
        json.WriteString("name", span.DisplayName);
        json.WriteString("trace", span.TraceId.ToHexString());
        json.WriteString("span", span.SpanId.ToHexString());
        json.WriteString("parent", span.ParentSpanId.ToHexString());
        json.WriteString("start", span.StartTimeUtc);
        json.WriteNumber("took", span.Duration.TotalMilliseconds);
        foreach (var (key, value) in span.TagObjects) json.WriteString(key, value?.ToString());
        json.WriteEndObject();
        json.Flush();
    }
}
