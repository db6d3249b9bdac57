using Shouldly;

namespace Surety.Tests.Conventions;

/// <summary>
/// What users can call is written down, so that a change of it is seen and meant. After a meant change, run the tests with SURETY_ACCEPT=1
/// and commit the file.
/// </summary>
public class PublicApiTests
{
    [Theory]
    [InlineData("Surety")]
    [InlineData("Surety.Postgres")]
    [InlineData("Surety.Sqlite")]
    public void The_public_surface_is_the_one_written_down(string assembly)
    {
        var surface = PublicSurface.Of(assembly);
        surface.Now.ShouldBe(surface.WrittenDown);
    }
}
