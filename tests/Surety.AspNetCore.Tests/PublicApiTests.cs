using Surety.Tests.Conventions;

namespace Surety.AspNetCore.Tests;

public class PublicApiTests
{
    [Theory]
    [InlineData("Surety.AspNetCore")]
    [InlineData("Surety.Outgoing")]
    public void The_public_surface_is_the_one_written_down(string package)
    {
        var surface = PublicSurface.Of(package);
        surface.Now.ShouldBe(surface.WrittenDown);
        surface.OddTokens.ShouldBeEmpty();
    }
}
