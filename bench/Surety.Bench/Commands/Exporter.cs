using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Threading.Channels;

namespace Surety.Bench.Commands;

/// <summary>
/// Takes every span of the framework and of Surety, with all its attributes, and every measurement, as an exporter of telemetry does: spans are queued, written in the background and sent nowhere;
/// measurements are added up.
/// </summary>
internal sealed class Exporter : IDisposable
{
    private static readonly HashSet<string> Sources = ["Microsoft.AspNetCore", "Surety"];

    private readonly Channel<Activity> spans = Channel.CreateBounded<Activity>(new BoundedChannelOptions(2048) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ActivityListener traces;
    private readonly MeterListener metrics = new();
    private double sum;

    public Exporter()
    {
        traces = new ActivityListener
        {
            ShouldListenTo = source => Sources.Contains(source.Name),
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => spans.Writer.TryWrite(activity),
        };
        ActivitySource.AddActivityListener(traces);
        metrics.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Surety" || instrument.Meter.Name.StartsWith("Microsoft.AspNetCore.", StringComparison.Ordinal)) listener.EnableMeasurementEvents(instrument);
        };
        metrics.SetMeasurementEventCallback<long>((_, value, _, _) => Add(value));
        metrics.SetMeasurementEventCallback<int>((_, value, _, _) => Add(value));
        metrics.SetMeasurementEventCallback<double>((_, value, _, _) => Add(value));
        metrics.Start();
        _ = WriteAsync();
    }

    public void Dispose()
    {
        spans.Writer.Complete();
        traces.Dispose();
        metrics.Dispose();
    }

    private void Add(double value)
    {
        double seen;
        do seen = Volatile.Read(ref sum);
        while (Interlocked.CompareExchange(ref sum, seen + value, seen) != seen);
    }

    private async Task WriteAsync()
    {
        await foreach (var span in spans.Reader.ReadAllAsync())
        {
            await using var json = new Utf8JsonWriter(Stream.Null);
            json.WriteStartObject();
            json.WriteString("name", span.DisplayName);
            json.WriteString("trace", span.TraceId.ToHexString());
            json.WriteString("span", span.SpanId.ToHexString());
            json.WriteString("parent", span.ParentSpanId.ToHexString());
            json.WriteString("start", span.StartTimeUtc);
            json.WriteNumber("took", span.Duration.TotalMilliseconds);
            foreach (var (key, value) in span.TagObjects) json.WriteString(key, value?.ToString());
            json.WriteEndObject();
        }
    }
}
