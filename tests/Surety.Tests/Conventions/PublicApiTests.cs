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
        surface.OddTokens.ShouldBeEmpty();
    }

    /// <summary>Each is one more to learn, and to keep. The tests of each package hold its file.</summary>
    [Fact]
    public void Users_meet_at_most_85_types()
    {
        var types = Directory.GetDirectories(Path.Combine(Repository.Root, "src"))
            .Where(p => !p.EndsWith(".Cli", StringComparison.Ordinal)) // a program
            .SelectMany(p => File.ReadLines(Path.Combine(p, "PublicApi.txt")))
            .Where(l => !l.StartsWith(' ')).ToList();
        types.ShouldContain("Surety.IQueue");
        types.Count.ShouldBeLessThanOrEqualTo(85);
    }
}
