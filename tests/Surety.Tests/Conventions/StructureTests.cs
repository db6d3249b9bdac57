using System.Text.RegularExpressions;
using Shouldly;
using Surety.Storage;

namespace Surety.Tests.Conventions;

public partial class StructureTests
{
    private static readonly string[] FolderOrder = ["", "Storage", "Telemetry", "Coordination", "Intake", "Processing", "Operations", "Hosting"];

    [Fact]
    public void A_folder_of_the_core_uses_only_folders_before_it()
    {
        var core = Path.Combine(Repository.Root, "src", "Surety");
        var faults = new List<string>();
        foreach (var file in Repository.Sources("src/Surety"))
        {
            var relative = Path.GetRelativePath(core, file);
            var folder = Path.GetDirectoryName(relative)!;
            var place = Array.IndexOf(FolderOrder, folder);
            place.ShouldBeGreaterThanOrEqualTo(0, $"{relative}: a new folder needs its place in the order");
            foreach (Match use in FolderUse().Matches(File.ReadAllText(file)))
            {
                if (Array.IndexOf(FolderOrder, use.Groups[1].Value) > place) faults.Add($"{relative} uses {use.Groups[1].Value}");
            }
        }

        faults.ShouldBeEmpty();
    }

    [Fact]
    public void The_core_knows_neither_HTTP_nor_a_database_library()
    {
        typeof(IQueue).Assembly.GetReferencedAssemblies().Select(a => a.Name)
            .ShouldNotContain(name => name!.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal) || name.Contains("Sqlite", StringComparison.Ordinal) || name == "Npgsql");
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
        Repository.Sources("src").SelectMany(f => EventNumber().Matches(File.ReadAllText(f))).GroupBy(m => m.Groups[1].Value).Where(same => same.Count() > 1).Select(same => same.Key).ShouldBeEmpty();

    [Fact]
    public void No_test_sleeps() =>
        Repository.Sources("tests").Where(f => Sleep().IsMatch(File.ReadAllText(f))).Select(f => Path.GetRelativePath(Repository.Root, f)).ShouldBeEmpty();

    [GeneratedRegex(@"(?:using|\bSurety)\.?\s*Surety\.(Storage|Telemetry|Coordination|Intake|Processing|Operations|Hosting)\b")]
    private static partial Regex FolderUse();

    [GeneratedRegex(@"""[^""\n]*\b(?:SELECT\s+\w+.*\bFROM|INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\w+\s+SET)\b")]
    private static partial Regex Sql();

    [GeneratedRegex(@"\[LoggerMessage\((\d+)")]
    private static partial Regex EventNumber();

    [GeneratedRegex(@"Thread\.Sleep\(")]
    private static partial Regex Sleep();
}
