using System.Text.RegularExpressions;
using Shouldly;
using Surety.Storage;

namespace Surety.Tests.Conventions;

public partial class StructureTests
{
    public static TheoryData<string> Projects => [.. FolderOrder.All.Select(o => o.Project)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_folder_uses_only_folders_before_it(string project) => OrderOf(project).Faults(SourcesOf(project)).ShouldBeEmpty();

    [Fact]
    public void Every_project_of_src_has_its_folders_in_the_table() =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .Select(f => Path.GetFileNameWithoutExtension(f)).ShouldBe(FolderOrder.All.Select(o => o.Project), ignoreOrder: true);

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_type_has_the_namespace_of_its_folder_or_is_public_in_the_shared_one(string project)
    {
        var order = OrderOf(project);
        SourcesOf(project)
            .Where(s => NamespaceLine().Match(s.Text) is { Success: true } line && line.Groups[1].Value is var space
                && space != "Surety" && space != order.NamespaceOf(FolderOrder.FolderOf(s.Path)))
            .Select(s => s.Path).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("Surety", "Storage", "using Surety.Hosting;", "Hosting")]
    [InlineData("Surety", "", "class Wrong(SuretyBuilder builder);", "Hosting")]
    [InlineData("Surety.Postgres", "Segments/Sql", "class Wrong { object o = Stores.PostgresQueues.Made; }", "Stores")]
    [InlineData("Surety.Sqlite", "Sql", "class Wrong(SqliteWriter writer);", "Writer")]
    [InlineData("Surety.AspNetCore", "Problems", "using Surety.AspNetCore.Jobs;", "Jobs")]
    [InlineData("Surety.AspNetCore", "Problems", "class Wrong { Surety.AspNetCore.Jobs.Anything anything; }", "Jobs")]
    [InlineData("Surety.AspNetCore", "Problems", "class Wrong(JobView view);", "Jobs")]
    [InlineData("Surety.AspNetCore", "Problems", "class Wrong { object o = Paging.Read(); }", "Lists")]
    [InlineData("Surety.Cli", "Migrate", "class Wrong { object o = MigrateCommand.Made; }", "the project's own folder")]
    public void A_wrong_use_among_the_sources_is_found(string project, string folder, string text, string later)
    {
        var wrong = folder.Length == 0 ? "Wrong.cs" : $"{folder}/Wrong.cs";
        var order = OrderOf(project);
        order.Faults([.. SourcesOf(project), (wrong, $"namespace {order.NamespaceOf(folder)};\n{text}")])
            .ShouldBe([$"{wrong} uses {later}"]);
    }

    /// <summary>The document is made of what endpoints say of themselves, so a new mechanism does not change it.</summary>
    [Fact]
    public void The_OpenAPI_document_knows_no_mechanism() =>
        OrderOf("Surety.AspNetCore").Uses(SourcesOf("Surety.AspNetCore"))
            .Where(use => use is { From: "OpenApi", To: "Limits" or "Idempotency" or "Lists" or "Jobs" or "Uploads" })
            .ShouldBeEmpty();

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

    private static FolderOrder OrderOf(string project) => FolderOrder.All.Single(o => o.Project == project);

    private static List<(string Path, string Text)> SourcesOf(string project)
    {
        var root = Path.Combine(Repository.Root, "src", project);
        var sources = Repository.Sources($"src/{project}")
            .Select(f => (Path.GetRelativePath(root, f).Replace('\\', '/'), File.ReadAllText(f))).ToList();
        sources.ShouldNotBeEmpty();
        return sources;
    }

    [GeneratedRegex(@"^namespace ([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"\[LoggerMessage\((\d+)")]
    private static partial Regex EventNumber();

    [GeneratedRegex(@"Thread\.Sleep\(")]
    private static partial Regex Sleep();
}
