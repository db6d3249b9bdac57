using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Surety.AspNetCore.Hosting;

/// <summary>Finds every fault of the options at once, at start.</summary>
internal sealed class EdgeOptionsCheck(IHostEnvironment environment) : IValidateOptions<EdgeOptions>
{
    public ValidateOptionsResult Validate(string? name, EdgeOptions options)
    {
        List<string> faults =
            [.. OfProblems(options), .. OfDevelopmentKey(options), .. OfRanges(options), .. OfProxies(options), .. OfQuotas(options)];
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static IEnumerable<string> OfProblems(EdgeOptions options)
    {
        if (!options.ProblemBase.IsAbsoluteUri || options.ProblemBase.Fragment.Length > 0)
        {
            yield return $"EdgeOptions.ProblemBase (\"{options.ProblemBase}\") must be an absolute URI without a fragment: "
                + "problem types are it with #code behind it.";
        }

        foreach (var code in options.ProblemTexts.Keys.Where(code => !Slug.Is(code)))
        {
            yield return $"EdgeOptions.ProblemTexts: \"{code}\" is no problem code. Use lower-case letters, digits and \"-\": "
                + "it is part of a URI.";
        }
    }

    private IEnumerable<string> OfDevelopmentKey(EdgeOptions options)
    {
        if (options.DevelopmentKey is not { } key) yield break;
        if (!environment.IsDevelopment())
        {
            yield return $"EdgeOptions.DevelopmentKey is set in the environment \"{environment.EnvironmentName}\", where everybody who "
                + "knows it would be an operator. Set it in Development only, and make real keys with ApiKeys.CreateAsync.";
        }

        if (key.Length == 0 || key.AsSpan().ContainsAnyExceptInRange('!', '~'))
            yield return "EdgeOptions.DevelopmentKey must be visible ASCII characters without spaces: it travels in a header.";
    }

    private static IEnumerable<string> OfRanges(EdgeOptions options) => new[]
    {
        Range(nameof(options.MaxBodyBytes), options.MaxBodyBytes, 1 << 10, 1 << 30),
        Range(nameof(options.MaxBytesOfBodies), options.MaxBytesOfBodies, Math.Max(1L << 20, options.MaxBodyBytes), 1L << 40),
        Range(nameof(options.MaxAnswerBytes), options.MaxAnswerBytes, 1 << 10, 1 << 24),
        Range(nameof(options.KeepAnswers), options.KeepAnswers, TimeSpan.FromMinutes(1), TimeSpan.FromDays(365)),
        Range(nameof(options.CommandTimeout), options.CommandTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10)),
        Range(nameof(options.MaxJsonDepth), options.MaxJsonDepth, 1, 64),
        Range(nameof(options.MaxWaiting), options.MaxWaiting, 0, 100_000),
        Range(nameof(options.MaxStreams), options.MaxStreams, 0, 100_000),
        Range(nameof(options.MaxStreamsPerCaller), options.MaxStreamsPerCaller, 0, 100_000),
        Range(nameof(options.Heartbeat), options.Heartbeat, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5)),
        Range(nameof(options.MaxConnections), options.MaxConnections, 1, 1_000_000),
        Range(nameof(options.HttpsPort), options.HttpsPort, 1, 65_535),
        Range(nameof(options.MaxConcurrency), options.MaxConcurrency, 1, 100_000),
        Range(nameof(options.MinConcurrency), options.MinConcurrency, 1, Math.Max(1, options.MaxConcurrency)),
        Range(nameof(options.MaxQueueDelay), options.MaxQueueDelay, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(10)),
        Range(nameof(options.RequestTimeout), options.RequestTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10)),
        Range(nameof(options.MaxQuotaCallers), options.MaxQuotaCallers, 100, 1_000_000),
        Range(nameof(options.StopDelay), options.StopDelay, TimeSpan.Zero, TimeSpan.FromMinutes(5)),
    }.OfType<string>();

    private static IEnumerable<string> OfProxies(EdgeOptions options) =>
        from proxy in options.TrustedProxies
        where !SafeDefaults.TryParse(proxy, out _)
        select $"EdgeOptions.TrustedProxies: \"{proxy}\" is neither an address nor a network such as 10.0.0.0/8. "
            + "Names are not looked up.";

    private static IEnumerable<string> OfQuotas(EdgeOptions options)
    {
        foreach (var (name, quota) in options.Quotas)
        {
            if (name.Length > 40 || !Slug.Is(name))
            {
                yield return $"EdgeOptions.Quotas: \"{name}\" is no name for a quota. Use 1 to 40 lower-case letters, digits and \"-\": "
                    + "it travels in headers.";
            }

            if (Range($"Quotas[\"{name}\"].{nameof(quota.Permits)}", quota.Permits, 1, 1_000_000_000) is { } permits) yield return permits;
            if (Range(
                $"Quotas[\"{name}\"].{nameof(quota.Window)}", quota.Window, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)) is { } window)
                yield return window;
            if (quota.Window.Ticks % TimeSpan.TicksPerSecond != 0)
            {
                yield return $"EdgeOptions.Quotas[\"{name}\"].Window ({quota.Window}) must be whole seconds: "
                    + "its header knows no smaller unit.";
            }
        }
    }

    /// <summary>Null when the value is within its range.</summary>
    private static string? Range<T>(string member, T value, T least, T most) where T : IComparable<T> =>
        value.CompareTo(least) < 0 || value.CompareTo(most) > 0 ? $"EdgeOptions.{member} ({value}) must be {least} to {most}." : null;
}
