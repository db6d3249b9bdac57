using System.Diagnostics;
using Shouldly;
using Surety.Tests.Conventions;

namespace Surety.Tests.Bench;

/// <summary>
/// The benchmarks themselves check what they did: every message handled and settled once, every transfer on both accounts. Here only that
/// they run; how fast is no test's business.
/// </summary>
public class BenchmarkTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    [Theory]
    [InlineData("sqlite", "Full cycle")]
    [InlineData("command", "POST /transfers")]
    [InlineData("edge", "POST /transfers on PostgreSQL")]
    [InlineData("drain", "Drain of")]
    [InlineData("idle", "Idle host")]
    public async Task A_quick_run_of_every_benchmark_does_all_its_work(string what, string line)
    {
        var (code, output, errors) = await RunAsync(what, "--quick");

        code.ShouldBe(0, errors);
        output.ShouldContain(line);
        output.ShouldContain("everything works");
    }

    [Fact]
    public async Task A_quick_run_of_every_queue_on_PostgreSQL_loses_and_doubles_no_job()
    {
        var (code, output, errors) = await RunAsync(
            "queue", "--quick", Counts.AreWhole ? "--only=100 a call,drain,sustained,transactional" : "--only=drain,transactional");

        code.ShouldBe(0, errors);
        foreach (var contender in (string[])["pgbench", "pgbench-log", "surety", "graphile", "pgboss"]) output.ShouldContain(contender);
        output.ShouldContain("everything works");
    }

    [Fact]
    public async Task What_the_documentation_says_of_the_queues_on_PostgreSQL_is_what_the_newest_results_say()
    {
        var (code, _, errors) = await RunAsync("queue-docs", "--check");

        code.ShouldBe(0, errors);
    }

    [Fact]
    public async Task A_queue_that_takes_no_part_is_refused_with_the_list_of_those_that_do()
    {
        var (code, _, errors) = await RunAsync("queue", "--against=hopeful");

        code.ShouldBe(2);
        errors.ShouldContain("pgbench, pgbench-log, npgsql, surety, graphile, pgboss");
    }

    [Fact]
    public async Task A_benchmark_that_does_not_exist_is_refused_with_the_list_of_those_that_do()
    {
        var (code, _, errors) = await RunAsync("sqlight");

        code.ShouldBe(2);
        errors.ShouldContain("sqlite|command|drain|idle|all|edge");
    }

    private static async Task<(int Code, string Output, string Errors)> RunAsync(params string[] arguments)
    {
        // Built beside this project, in the same configuration: …/bin/Release/net10.0.
        var built = Path.GetRelativePath(Path.Combine(Repository.Root, "tests", "Surety.Tests"), AppContext.BaseDirectory);
        var program = Path.Combine(Repository.Root, "bench", "Surety.Bench", built, "Surety.Bench.dll");
        var start = new ProcessStartInfo(
            Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.ArgumentList.Add(program);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);

        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
