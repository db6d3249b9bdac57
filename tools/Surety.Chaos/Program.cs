using System.CommandLine;
using Surety.Chaos;

var root = new RootCommand("Kills a payments backend again and again, and does the accounts.")
{
    ChaosCommand.Create(), StormCommand.Create(),
};
return await root.Parse(args).InvokeAsync();
