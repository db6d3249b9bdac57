using System.Reflection;
using System.Text;
using Shouldly;

namespace Surety.Tests.Conventions;

/// <summary>What users can call is written down, so that a change of it is seen and meant. After a meant change, run the tests with SURETY_ACCEPT=1 and commit the file.</summary>
public class PublicApiTests
{
    [Theory]
    [InlineData("Surety")]
    [InlineData("Surety.Postgres")]
    [InlineData("Surety.Sqlite")]
    public void The_public_surface_is_the_one_written_down(string assembly)
    {
        var golden = Path.Combine(Repository.Root, "src", assembly, "PublicApi.txt");
        var now = Describe(Assembly.Load(assembly));
        if (Environment.GetEnvironmentVariable("SURETY_ACCEPT") == "1") File.WriteAllText(golden, now);
        now.ShouldBe(File.ReadAllText(golden));
    }

    private static string Describe(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes().OrderBy(t => t.FullName, StringComparer.Ordinal))
        {
            text.Append(type.FullName).Append('\n');
            var members = type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
                .Where(m => m is not MethodInfo { IsSpecialName: true } || m.Name.StartsWith("op_", StringComparison.Ordinal))
                .Where(m => !m.Name.Contains('<', StringComparison.Ordinal) && m.Name is not ("ToString" or "Equals" or "GetHashCode" or "PrintMembers" or "Deconstruct" or "op_Equality" or "op_Inequality"))
                .Select(m => $"    {m}".Replace("Surety.", "", StringComparison.Ordinal).Replace("System.", "", StringComparison.Ordinal));
            foreach (var member in members.Distinct().OrderBy(m => m, StringComparer.Ordinal)) text.Append(member).Append('\n');
        }

        return text.ToString();
    }
}
