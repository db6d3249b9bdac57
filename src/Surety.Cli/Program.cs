using System.CommandLine;

var root = new RootCommand("Looks after the messages a Surety app is responsible for.");

return await root.Parse(args).InvokeAsync();
