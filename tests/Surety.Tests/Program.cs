// Tests that need several processes start this assembly again; the test runner does not come by here.
return args is [Surety.Tests.Postgres.FrozenNode.Name, ..] ? await Surety.Tests.Postgres.FrozenNode.RunAsync(args) : await Surety.Tests.Sqlite.OtherProcess.RunAsync(args);
