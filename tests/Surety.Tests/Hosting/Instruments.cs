using System.Diagnostics.Metrics;

namespace Surety.Tests.Hosting;

/// <summary>What can be measured of one host, whatever else this process runs.</summary>
internal static class Instruments
{
    /// <param name="scope">The host's own, of which its meters are.</param>
    public static List<string> Of(IMeterFactory scope)
    {
        var names = new List<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Meter.Name == "Surety" && instrument.Meter.Scope == scope) names.Add(instrument.Name);
        };
        listener.Start();
        return names;
    }
}
