using Surety.Tests.Conventions;

namespace Surety.AspNetCore.Tests;

public class PublicApiTests
{
    [Fact]
    public void The_public_surface_is_the_one_written_down()
    {
        var surface = PublicSurface.Of("Surety.AspNetCore");
        surface.Now.ShouldBe(surface.WrittenDown);
    }
}
