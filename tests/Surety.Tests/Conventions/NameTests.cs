using System.Text.RegularExpressions;
using Shouldly;

namespace Surety.Tests.Conventions;

/// <summary>A name says one thing, so that what a reader looks for is what they find.</summary>
public sealed partial class NameTests
{
    /// <summary>The stores mirror each other, and every package's log lines stand in its Log.</summary>
    private static bool IsMeant(string name, string[] places) => name == "Log"
        || places.All(p => p.Split('/')[0] is "Surety.Postgres" or "Surety.Sqlite")
            && places.DistinctBy(p => p[(p.IndexOf('/') + 1)..]).Count() == 1;

    [Fact]
    public void No_two_types_of_src_have_one_name()
    {
        var types = Types();
        types.ShouldContain(t => t.Name == "IQueue");
        types.GroupBy(t => t.Name, t => t.File).Where(g => !IsMeant(g.Key, [.. g.Distinct()]) && g.Distinct().Count() > 1)
            .Select(g => $"{g.Key}: {string.Join(", ", g)}").ShouldBeEmpty();
    }

    /// <summary>Messages beside IMessages says nothing of what it does with them.</summary>
    [Fact]
    public void No_internal_type_has_the_name_of_a_public_interface_without_its_I()
    {
        var types = Types();
        types.Where(t => !t.IsPublic && types.Any(i => i.IsPublic && i.Name == "I" + t.Name)).ShouldBeEmpty();
    }

    private static List<(string Name, bool IsPublic, string File)> Types()
    {
        var src = Path.Combine(Repository.Root, "src");
        return [.. from file in Repository.Sources("src")
            from Match type in TopLevelType().Matches(File.ReadAllText(file))
            select (type.Groups["name"].Value, type.Value.Contains("public ", StringComparison.Ordinal),
                Path.GetRelativePath(src, file).Replace('\\', '/'))];
    }

    [GeneratedRegex(
        @"^(?:(?:public|internal|sealed|abstract|static|readonly|partial|ref) )*"
            + @"(?:class|interface|struct|record struct|record|enum) (?<name>\w+)",
        RegexOptions.Multiline)]
    private static partial Regex TopLevelType();
}
