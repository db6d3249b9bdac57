using Microsoft.Extensions.Logging;

namespace Surety.Outgoing;

/// <summary>Everything this package logs.</summary>
internal static partial class Log
{
    [LoggerMessage(3030, LogLevel.Warning, "Calls of {Client} mostly fail; none are sent for {Pause}")]
    public static partial void CircuitOpened(this ILogger logger, string client, TimeSpan pause);

    [LoggerMessage(3031, LogLevel.Information, "Calls of {Client} succeed again")]
    public static partial void CircuitClosed(this ILogger logger, string client);
}
