using Shouldly;

namespace Surety.Tests.Conventions;

public sealed class LineWidthTests
{
    private static readonly (string Folder, string Pattern)[] Held =
    [
        ("src", "*.cs"), ("src", "*.sql"), ("samples", "*.cs"), ("tests", "*.cs"), ("tests", "*.sh"), ("tools", "*.cs"), ("bench", "*.cs"),
        ("docs", "*.md"), ("samples", "*.md"), ("samples", "*.sql"),
    ];

    private static readonly string[] HeldAtTheRoot = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md", "test"];

    private static readonly (string File, string Reason)[] Free =
    [
        ("src/Surety.Postgres/schema.sql", "pg_dump writes it"),
        ("docs/problems.md", "the program serves it, and each of its paragraphs is a line there"),
        ("docs/benchmarks.md", "\"queue-docs\" copies the results into it, each machine in a line"),
    ];

    // Somebody is at work on them: whoever brings that work in takes the entries away.
    private static readonly string[] StillToDo =
    [
        "src/Surety.Postgres/Segments/OldestChild.cs",
        "src/Surety.Postgres/Segments/PlainIntake.cs",
        "src/Surety.Postgres/Segments/PostgresSegments.cs",
        "src/Surety.Postgres/Segments/Sql/SegmentSql.cs",
        "src/Surety.Postgres/Sql/MessageSql.cs",
        "src/Surety.Postgres/Wakeups/Looks.cs",
        "tests/Surety.Tests/Postgres/SegmentStoryTests.cs",
        "tests/Surety.Tests/Postgres/SegmentTests.cs",
    ];

    [Fact]
    public void No_line_is_wider_than_140_columns() =>
        Files().Where(f => !IsFree(f.Name)).SelectMany(f => LineWidth.Faults(f.Name, f.Text)).ShouldBeEmpty();

    [Fact]
    public void No_file_is_free_of_the_rule_that_keeps_it()
    {
        var wide = Files().Where(f => LineWidth.Faults(f.Name, f.Text).Any()).Select(f => f.Name).ToList();
        Free.Select(f => f.File).Concat(StillToDo).Except(wide).ShouldBeEmpty("take these out of the lists");
    }

    [Theory]
    [InlineData("a.cs", "", 1)]
    [InlineData("a.sql", "one\ntwo\n", 3)]
    [InlineData("a.md", "# Page\n\n", 3)]
    [InlineData("a.md", "```sh\nls\n```\n", 4)]
    [InlineData("a.md", "```csharp\n", 2)]
    [InlineData("a.md", "- [a page](a-page.md): ", 1)]
    public void A_line_of_141_columns_is_a_fault_and_one_of_140_is_none(string path, string before, int number)
    {
        var rest = before[(before.LastIndexOf('\n') + 1)..].Replace("(a-page.md)", "", StringComparison.Ordinal).Length;
        LineWidth.Faults(path, $"{before}{new string('x', 140 - rest)}\nthe end\n").ShouldBeEmpty();
        LineWidth.Faults(path, $"{before}{new string('x', 141 - rest)}\nthe end\n").ShouldBe([$"{path}:{number} has 141 columns"]);
    }

    [Theory]
    [InlineData("| a | {0} |")]
    [InlineData("```sh\ncurl https://localhost/{0}\n```")]
    [InlineData("[a page](https://localhost/{0}).")]
    public void What_cannot_be_broken_in_a_page_is_none_and_in_code_it_is(string text)
    {
        var wide = text.Replace("{0}", new string('x', 150), StringComparison.Ordinal);
        LineWidth.Faults("a.md", wide).ShouldBeEmpty();
        LineWidth.Faults("a.cs", wide).ShouldHaveSingleItem();
    }

    private static bool IsFree(string name) => Free.Any(f => f.File == name) || StillToDo.Contains(name);

    private static IEnumerable<(string Name, string Text)> Files() => Held
        .SelectMany(held => Repository.Files(held.Folder, held.Pattern))
        .Concat(HeldAtTheRoot.Select(f => Path.Combine(Repository.Root, f)))
        .Select(f => (Repository.Name(f), File.ReadAllText(f)));
}
