using System.Text.RegularExpressions;
using Shouldly;
using Surety.Storage;

namespace Surety.Tests.Conventions;

public partial class StructureTests
{
    public static TheoryData<string> Projects => [.. FolderOrder.All.Select(o => o.Project)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_folder_uses_only_folders_before_it(string project)
    {
        var root = Path.Combine(Repository.Root, "src", project);
        var sources = Repository.Sources($"src/{project}")
            .Select(f => (Path.GetRelativePath(root, f).Replace('\\', '/'), File.ReadAllText(f))).ToList();
        sources.ShouldNotBeEmpty();
        FolderOrder.All.Single(o => o.Project == project).Faults(sources).ShouldBeEmpty();
    }

    [Fact]
    public void The_core_knows_neither_HTTP_nor_a_database_library()
    {
        typeof(IQueue).Assembly.GetReferencedAssemblies().Select(a => a.Name)
            .ShouldNotContain(name => name!.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal)
                || name.Contains("Sqlite", StringComparison.Ordinal) || name == "Npgsql");
    }

    [Fact]
    public void Every_schema_is_numbered_without_a_gap()
    {
        foreach (var assembly in new[] { typeof(PostgresOptions).Assembly, typeof(SqliteOptions).Assembly })
        {
            var versions = Migration.In(assembly).Select(m => m.Version).ToList();
            versions.ShouldBe(Enumerable.Range(1, versions.Count), assembly.GetName().Name);
        }
    }

    [Fact]
    public void SQL_stands_only_in_the_Sql_folders()
    {
        Repository.Sources("src")
            .Where(f => !Path.GetDirectoryName(f)!.EndsWith("Sql", StringComparison.Ordinal))
            .Where(f => Sql().IsMatch(File.ReadAllText(f)))
            .Select(f => Path.GetRelativePath(Repository.Root, f))
            .ShouldBeEmpty();
    }

    [Fact]
    public void Every_event_of_the_log_has_a_number_of_its_own() =>
        Repository.Sources("src").SelectMany(f => EventNumber().Matches(File.ReadAllText(f)))
            .GroupBy(m => m.Groups[1].Value).Where(same => same.Count() > 1).Select(same => same.Key).ShouldBeEmpty();

    [Fact]
    public void No_test_sleeps() =>
        Repository.Sources("tests")
            .Where(f => Sleep().IsMatch(File.ReadAllText(f))).Select(f => Path.GetRelativePath(Repository.Root, f)).ShouldBeEmpty();

    [GeneratedRegex(@"""[^""\n]*\b(?:SELECT\s+\w+.*\bFROM|INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\w+\s+SET)\b")]
    private static partial Regex Sql();

    [GeneratedRegex(@"\[LoggerMessage\((\d+)")]
    private static partial Regex EventNumber();

    [GeneratedRegex(@"Thread\.Sleep\(")]
    private static partial Regex Sleep();
}
