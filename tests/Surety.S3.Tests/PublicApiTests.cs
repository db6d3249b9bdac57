using Surety.Tests.Conventions;

namespace Surety.S3.Tests;

public class PublicApiTests
{
    [Fact]
    public void The_public_surface_is_the_one_written_down()
    {
        var surface = PublicSurface.Of("Surety.S3");
        surface.Now.ShouldBe(surface.WrittenDown);
        surface.OddTokens.ShouldBeEmpty();
    }
}
