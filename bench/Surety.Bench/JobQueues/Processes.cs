using System.Globalization;

namespace Surety.Bench.JobQueues;

/// <summary>What processes have cost, from /proc.</summary>
internal static class Processes
{
    private const double TicksPerSecond = 100;

    /// <summary>Processor time of a process, of the children it has waited for, and of those that still run.</summary>
    public static TimeSpan TimeOfTree(int id)
    {
        var ticks = Fields(id) is { } own ? Ticks(own, 4) : 0;
        foreach (var folder in Directory.GetDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var other)
                && Fields(other) is { } fields && fields[1] == id.ToString(CultureInfo.InvariantCulture)) ticks += Ticks(fields, 4);
        }

        return TimeSpan.FromSeconds(ticks / TicksPerSecond);
    }

    public static TimeSpan TimeOf(int id) => TimeSpan.FromSeconds((Fields(id) is { } fields ? Ticks(fields, 2) : 0) / TicksPerSecond);

    /// <summary>Of this process's children that have ended.</summary>
    public static TimeSpan TimeOfEndedChildren() => TimeSpan.FromSeconds(Ticks(Fields(Environment.ProcessId)![2..], 2) / TicksPerSecond);

    // utime, stime, and the same of the children waited for.
    private static long Ticks(string[] fields, int how) => fields[11..(11 + how)].Sum(f => long.Parse(f, CultureInfo.InvariantCulture));

    /// <summary>The fields after the name: state, parent, …; null when the process has ended.</summary>
    private static string[]? Fields(int id)
    {
        try
        {
            var line = File.ReadAllText($"/proc/{id}/stat");
            return line[(line.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null;
        }
    }
}
