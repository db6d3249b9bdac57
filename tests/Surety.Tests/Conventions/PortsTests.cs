using Shouldly;
using Surety.Rigs;

namespace Surety.Tests.Conventions;

/// <summary>Projects of tests run side by side, and a server that a test has stopped starts again at its port.</summary>
public sealed class PortsTests
{
    public const string Program = "claims-a-port";

    [Fact]
    public async Task A_port_that_another_process_was_given_is_given_to_nobody_while_that_process_lives()
    {
        using var other = OtherPrograms.Start(Program);
        var port = int.Parse((await other.StandardOutput.ReadLineAsync())!, System.Globalization.CultureInfo.InvariantCulture);
        Ports.TryClaim(port, 1).ShouldBeNull();
        other.Kill();
        await other.WaitForExitAsync();
        var claimed = Ports.TryClaim(port, 1).ShouldNotBeNull();
        claimed.ForEach(c => c.Dispose());
    }

    /// <summary>What the other process does.</summary>
    internal static async Task<int> RunAsync(string[] arguments)
    {
        Console.WriteLine(Ports.Free());
        await Console.In.ReadLineAsync();
        return 0;
    }
}
