using System.Globalization;

namespace Surety.AspNetCore.Descriptions;

/// <summary>Numbers and times in the words of the document.</summary>
internal static class SchemaText
{
    public static string Of(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>"24 h", "90 s".</summary>
    public static string Of(TimeSpan time) => time switch
    {
        { TotalHours: >= 1 } when time.Ticks % TimeSpan.TicksPerHour == 0 =>
            string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours} h"),
        { TotalMinutes: >= 1 } when time.Ticks % TimeSpan.TicksPerMinute == 0 =>
            string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds} s"),
    };
}
