// Tests that need several processes start this assembly again; the test runner does not come by here.
return await Surety.Tests.Sqlite.OtherProcess.RunAsync(args);
