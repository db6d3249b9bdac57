using System.CommandLine;
using Surety.Cli;

var root = new RootCommand("Brings a store's schema up to date, or back.") { MigrateCommand.Create() };
return await root.Parse(args).InvokeAsync();
