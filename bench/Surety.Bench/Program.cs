using Surety.Bench;
using Surety.Bench.Commands;
using Surety.Bench.JobQueues;
using Surety.Bench.Measuring;
using Surety.Bench.Queues;

// Child processes of this program, one role each; and the benchmark that has options of its own.
if (args is [{ } role, .. var rest])
{
    switch (role)
    {
        case "serve": return await Server.RunAsync(rest);
        case "serve-edge": return await EdgeServer.RunAsync(rest);
        case "load": return await Load.RunAsync(rest);
        case "fill": return await Surety.Bench.Drain.FillAsync(rest);
        case "drain-child": return await Surety.Bench.Drain.RunAsync(rest);
        case "idle-child": return await Idle.RunAsync(rest);
        case "queue": return await JobQueueBenchmark.RunAsync(rest);
        case "queue-docs": return Documentation.Run(check: rest is ["--check"]);
        case "queue-play": return await Player.RunAsync(new SuretyIntake());
        case "queue-insert": return await Player.RunAsync(new BareIntake());
    }
}

const string only = "--only=";
var what = args.FirstOrDefault(a => !a.StartsWith('-')) ?? "all";
if (what is not ("sqlite" or "command" or "drain" or "idle" or "all" or "edge")
    || args.Any(a => a.StartsWith('-') && a != "--quick" && !a.StartsWith(only, StringComparison.Ordinal)))
{
    Console.Error.WriteLine(
        "usage: Surety.Bench [sqlite|command|drain|idle|all|edge] [--quick] [--only=PART-OF-A-NAME]\n       " + Settings.Usage);
    return 2;
}

var quick = args.Contains("--quick");
var part = args.FirstOrDefault(a => a.StartsWith(only, StringComparison.Ordinal))?[only.Length..];
// The one part that is not on SQLite, and so not among all.
var report = what == "edge"
    ? new Report("PostgreSQL", Machine.Describe("PostgreSQL"), quick) : new Report("SQLite", Machine.Describe(), quick);
Console.WriteLine(report.Machine);
if (what is "sqlite" or "all") await QueueBenchmarks.RunAsync(report, quick, part ?? "");
if (what is "command" or "all") await CommandBenchmark.RunAsync(report, quick);
if (what is "edge") await CommandBenchmark.RunEdgeAsync(report, quick);
if (what is "drain" or "all") await Surety.Bench.Drain.MeasureAsync(report, quick);
if (what is "idle" or "all") await Idle.MeasureAsync(report, quick);

// A quick run shows that the benchmarks work; its numbers mean nothing and are not kept. Part of a run would replace a whole one.
if (quick) Console.WriteLine("quick run: everything works; no figure of it counts");
else if (part is not null) Console.WriteLine("part of a run: not kept");
else Console.WriteLine($"written to {report.Write(what)}");
return 0;
