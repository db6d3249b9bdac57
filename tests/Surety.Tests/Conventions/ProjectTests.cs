using System.Xml.Linq;
using Shouldly;

namespace Surety.Tests.Conventions;

public class ProjectTests
{
    /// <summary>An installed package finds nothing of this checkout, so nothing in it may be needed.</summary>
    [Fact]
    public void A_project_of_src_refers_to_projects_of_src_only()
    {
        var projects = Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories);
        projects.ShouldNotBeEmpty();
        foreach (var project in projects)
        {
            XDocument.Load(project).Descendants("ProjectReference").Select(r => r.Attribute("Include")!.Value)
                .ShouldAllBe(r => r.Split('/').Length == 3 && r.StartsWith("../", StringComparison.Ordinal), Path.GetFileName(project));
        }
    }
}
