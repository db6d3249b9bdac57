using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Surety.Tests.Processing;

/// <summary>Which events a host has logged, in order.</summary>
internal sealed class CapturedEvents : ILoggerProvider
{
    public const int Away = 14, Back = 15, AttemptFailed = 20;

    private readonly ConcurrentQueue<(int Id, string Text)> events = [];

    public IReadOnlyList<(int Id, string Text)> All => [.. events];

    public int Count(int id) => events.Count(e => e.Id == id);

    public void AddTo(IServiceCollection services) =>
        services.AddSingleton<ILoggerProvider>(this).Configure<LoggerFilterOptions>(options => options.MinLevel = LogLevel.Information);

    public ILogger CreateLogger(string categoryName) => new Logger(events, categoryName.StartsWith("Surety.", StringComparison.Ordinal));

    public void Dispose()
    {
    }

    private sealed class Logger(ConcurrentQueue<(int, string)> events, bool isOurs) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => isOurs && logLevel >= LogLevel.Information;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (isOurs) events.Enqueue((eventId.Id, $"{formatter(state, exception)} {exception}"));
        }
    }
}
