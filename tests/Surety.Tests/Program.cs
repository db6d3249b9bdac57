using Surety.Tests;

// Tests that need several processes start this program again with a name; without one, it runs the tests.
return args is [var name, ..] && OtherPrograms.All.TryGetValue(name, out var run)
    ? await run(args[1..]) : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
