using System.Text.RegularExpressions;
using Surety.Tests.Conventions;

namespace Surety.AspNetCore.Tests;

/// <summary>
/// The edge's folders have an order: a later one may use an earlier one, never back. Public types share one namespace, so usings say too
/// little: a file uses a folder when it names a type that a file of the folder declares.
/// </summary>
public partial class StructureTests
{
    private static readonly string[] FolderOrder =
    [
        "", "Endpoints", "Descriptions", "Security", "Problems", "Limits", "Idempotency", "Lists", "Jobs", "Uploads", "OpenApi", "Health",
            "Hosting",
    ];

    /// <summary>The document is made of what endpoints say of themselves: it knows no mechanism, so a new one does not change it.</summary>
    private static readonly string[] Mechanisms = ["Limits", "Idempotency", "Lists", "Jobs", "Uploads"];

    [Fact]
    public void A_folder_of_the_edge_uses_only_folders_before_it() => Faults(Edge(), IsBackward).ShouldBeEmpty();

    [Fact]
    public void The_OpenAPI_document_knows_no_mechanism() =>
        Faults(Edge(), (from, to) => from == "OpenApi" && Mechanisms.Contains(to)).ShouldBeEmpty();

    [Fact]
    public void Internal_types_have_the_namespace_of_their_folder() =>
        Edge().Where(f => f.Namespace != "Surety" && f.Namespace != Of(f.Folder)).Select(f => f.Name).ShouldBeEmpty();

    [Fact]
    public void A_use_of_a_later_folder_is_seen_by_whatever_name()
    {
        var edge = Edge();
        var problem = new SourceFile("Problems/Wrong.cs", "namespace Surety.AspNetCore.Problems;\n");
        string[] uses =
        [
            "using Surety.AspNetCore.Jobs;", "class A { Surety.AspNetCore.Jobs.Anything a; }", "class A { JobView view; }",
            "class A { string s = $\"{JobExtensions.Name}\"; }", "class A { object o = Paging.Read(); }",
                "[Obsolete] class A(Preference p);",
        ];
        foreach (var use in uses) Faults([.. edge, problem with { Text = problem.Text + use }], IsBackward).ShouldHaveSingleItem(use);

        string[] good = [
            "// JobView", "class A { string s = \"JobView\"; }", "class A { int n = b.JobView; int JobView { get; } }",
            "class A { B b = new() { JobView = 1 }; }", "class A { ProblemCodes c; }"];
        foreach (var use in good) Faults([.. edge, problem with { Text = problem.Text + use }], IsBackward).ShouldBeEmpty(use);
    }

    private static bool IsBackward(string from, string to) => Array.IndexOf(FolderOrder, to) > Array.IndexOf(FolderOrder, from);

    private static string Of(string folder) => folder.Length == 0 ? "Surety.AspNetCore" : $"Surety.AspNetCore.{folder}";

    private static List<SourceFile> Edge()
    {
        var root = Path.Combine(Repository.Root, "src", "Surety.AspNetCore");
        var edge = Repository.Sources("src/Surety.AspNetCore")
            .Select(f => new SourceFile(Path.GetRelativePath(root, f).Replace('\\', '/'), File.ReadAllText(f))).ToList();
        edge.Select(f => f.Folder).Distinct().ShouldBeSubsetOf(FolderOrder, "a new folder needs its place in the order");
        return edge;
    }

    private static List<string> Faults(List<SourceFile> files, Func<string, string, bool> isFault)
    {
        var homes = files.SelectMany(f => f.Declares.Select(type => (Type: type, f.Folder))).DistinctBy(d => d.Type)
            .ToDictionary(d => d.Type, d => d.Folder, StringComparer.Ordinal);
        return
        [
            .. from file in files
               let ofTypes = file.Words.Where(homes.ContainsKey).Select(word => (Name: word, Folder: homes[word]))
               from use in ofTypes.Concat(file.NamesFolders.Select(folder => (Name: folder, Folder: folder))).DistinctBy(u => u.Folder)
               where isFault(file.Folder, use.Folder)
               select $"{file.Name} uses {use.Name} of {use.Folder}",
        ];
    }

    [GeneratedRegex(
        @"^(?:public|internal) (?:static |sealed |abstract |partial |readonly )*"
        + @"(?:class|record struct|record|struct|interface|enum|delegate \S+) (\w+)",
        RegexOptions.Multiline)]
    private static partial Regex Declaration();

    // What stands in braces of an interpolated text is code; comments and other texts are not.
    [GeneratedRegex(@"//[^\n]*|\$""(?:[^""{\\\n]|\\.|\{(?<code>[^{}\n]*)\}|\{\{)*""|(?<!\$)""(?:[^""\\\n]|\\.)*""")]
    private static partial Regex NoCode();

    // Behind a point stands a member (or a folder's namespace, which is looked for by itself), and a member is declared or set.
    [GeneratedRegex(@"(?<![\w.])\w+\b(?!\s*(?:=[^=>]|\{ get))")]
    private static partial Regex Word();

    [GeneratedRegex(@"(?<![\w.])Surety\.AspNetCore\.(\w+)")]
    private static partial Regex Qualified();

    [GeneratedRegex(@"^namespace (?<name>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    private sealed record SourceFile(string Name, string Text)
    {
        public string Folder => Name.Contains('/', StringComparison.Ordinal) ? Name[..Name.LastIndexOf('/')] : "";

        public string Namespace => NamespaceLine().Match(Text).Groups["name"].Value;

        public IEnumerable<string> Declares =>
            Declaration().Matches(Text).Select(m => m.Groups[1].Value.Replace("Attribute", "", StringComparison.Ordinal));

        public HashSet<string> Words => [.. Word().Matches(Code).Select(m => m.Value)];

        public IEnumerable<string> NamesFolders =>
            Qualified().Matches(NamespaceLine().Replace(Code, "")).Select(m => m.Groups[1].Value).Where(FolderOrder.Contains);

        private string Code => NoCode().Replace(Text, m => string.Join(' ', m.Groups["code"].Captures));
    }
}
