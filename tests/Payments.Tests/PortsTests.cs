using Surety.Rigs;

namespace Payments.Tests;

/// <summary>Whoever is given a port may listen at it only later, when others have been given theirs.</summary>
public sealed class PortsTests
{
    [Fact]
    public void A_port_is_given_to_one_until_all_have_been_given()
    {
        var given = new HashSet<int>();
        for (var i = 0; i < 1_400; i++)
        {
            var inARow = 1 + (i % 4);
            var first = Ports.Free(inARow);
            Enumerable.Range(first, inARow).ShouldAllBe(port => given.Add(port), $"{first} and {inARow - 1} after it");
        }
    }
}
