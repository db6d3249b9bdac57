using System.CommandLine;
using Surety.Cli;

var root = new RootCommand("Brings a store's schema up to date; kills a payments backend again and again, and does the accounts.") { MigrateCommand.Create(), ChaosCommand.Create(), StormCommand.Create() };
return await root.Parse(args).InvokeAsync();
