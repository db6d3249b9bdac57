using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Surety.Tests.Conventions;

/// <summary>The folders of one project of src, from the bottom up: a folder uses those before it, and never one after it.</summary>
/// <param name="Project">Its folder in src, which is also its namespace.</param>
/// <param name="Folders">All of them; "" is the project's own. A folder in a folder is one of its own.</param>
internal sealed record FolderOrder(string Project, params string[] Folders)
{
    public static readonly FolderOrder[] All =
    [
        new("Surety", "", "Storage", "Telemetry", "Coordination", "Intake", "Processing", "Operations", "Hosting"),
        new("Surety.Postgres", "", "Sql", "Connections", "Wakeups", "Segments/Sql", "Segments", "Migrations", "Stores", "Hosting"),
        new("Surety.Sqlite", "", "Sql", "Writer", "Connections", "Wakeups", "Migrations", "Stores", "Hosting"),
        new("Surety.AspNetCore",
            "", "Endpoints", "Descriptions", "Security", "Problems", "Limits", "Idempotency", "Lists", "Jobs", "Uploads", "OpenApi",
            "Health", "Hosting"),
        new("Surety.Outgoing", ""),
        new("Surety.S3", ""),
        new("Surety.Cli", "Migrate", ""),
    ];

    /// <summary>What of the given sources uses a folder after its own, or is in a folder without a place.</summary>
    /// <param name="sources">Paths from the project's folder, with <c>/</c>, and texts.</param>
    public IReadOnlyList<string> Faults(IReadOnlyCollection<(string Path, string Text)> sources) =>
    [
        .. sources.Where(s => Place(FolderOf(s.Path)) < 0).Select(s => $"{s.Path}: the folder needs its place in the order"),
        .. from use in Uses(sources)
           where Place(use.From) >= 0 && Place(use.To) > Place(use.From)
           select $"{use.Path} uses {(use.To.Length == 0 ? "the project's own folder" : use.To)}",
    ];

    /// <summary>
    /// Which folder uses which other, once for each file. A file uses a folder when it names the folder's namespace, or a type that is
    /// declared there: public types share one namespace, so using lines alone say too little.
    /// </summary>
    public IReadOnlyList<FolderUse> Uses(IReadOnlyCollection<(string Path, string Text)> sources)
    {
        var files = sources.Select(s => new SourceFile(s.Path, FolderOf(s.Path), Code.Parse(s.Text))).ToList();
        // A name that several folders declare is taken for the type of the first: no file is blamed for a name of its own.
        var homes = files
            .OrderBy(f => Place(f.Folder))
            .SelectMany(f => f.Declared.Select(type => (Type: type, f.Folder)))
            .DistinctBy(d => d.Type)
            .ToDictionary(d => d.Type, d => d.Folder, StringComparer.Ordinal);
        return
        [
            .. from file in files
               let byType = file.Words.Where(homes.ContainsKey).Select(word => homes[word])
               let byName = file.Paths.Select(path => FolderNamed(path, file.Namespace)).OfType<string>()
               from folder in byType.Concat(byName).Distinct()
               where folder != file.Folder
               select new FolderUse(file.Path, file.Folder, folder),
        ];
    }

    /// <summary>
    /// The innermost folder whose namespace the names begin with, as seen from inside a namespace; or null. Never the project's own: its
    /// namespace is around all others, so it is only seen by its types.
    /// </summary>
    private string? FolderNamed(string path, string inside) => (
        from around in Around(inside)
        let whole = around.Length == 0 ? $"{path}." : $"{around}.{path}."
        from folder in Folders
        where folder.Length > 0
        let space = NamespaceOf(folder)
        where space.Length > around.Length && whole.StartsWith($"{space}.", StringComparison.Ordinal)
        select folder).MaxBy(f => f.Length);

    /// <summary>The namespace, those around it, and none.</summary>
    private static IEnumerable<string> Around(string inside)
    {
        yield return inside;
        if (inside.Length == 0) yield break;
        var point = Math.Max(0, inside.LastIndexOf('.'));
        foreach (var around in Around(inside[..point])) yield return around;
    }

    public string NamespaceOf(string folder) => folder.Length == 0 ? Project : $"{Project}.{folder.Replace('/', '.')}";

    private int Place(string folder) => Array.IndexOf(Folders, folder);

    public static string FolderOf(string path) => path.Contains('/', StringComparison.Ordinal) ? path[..path.LastIndexOf('/')] : "";

    private sealed record SourceFile(string Path, string Folder, SyntaxNode Code)
    {
        private static readonly string[] AttributeEnds = ["", "Attribute"];

        /// <summary>Empty for the file with the program's first statement.</summary>
        public string Namespace { get; } =
            Code.ChildNodes().OfType<BaseNamespaceDeclarationSyntax>().FirstOrDefault()?.Name.ToString() ?? "";

        /// <summary>The types that other files can see.</summary>
        public IEnumerable<string> Declared =>
            from node in Code.DescendantNodes(n => n is CompilationUnitSyntax or BaseNamespaceDeclarationSyntax)
            let name = node switch
            {
                BaseTypeDeclarationSyntax type => type.Identifier.Text,
                DelegateDeclarationSyntax type => type.Identifier.Text,
                _ => null,
            }
            where name is not null
            select name;

        /// <summary>
        /// Names that may be those of types. Not so the name of a member behind a point or left of "=", and, where a type cannot stand
        /// alone, the name of a member of this file.
        /// </summary>
        public HashSet<string> Words =>
        [
            .. from name in Code.DescendantNodes(IsNoNamespaceLine).OfType<SimpleNameSyntax>()
               where IsNoNamespaceLine(name) && !IsBehindPoint(name) && !IsSet(name)
                   && (SyntaxFacts.IsInTypeOnlyContext(name) || !Members.Contains(name.Identifier.Text))
               from end in name.Parent is AttributeSyntax ? AttributeEnds : [""]
               select name.Identifier.Text + end,
        ];

        private HashSet<string> Members { get; } =
        [
            .. from member in Code.DescendantNodes().OfType<MemberDeclarationSyntax>()
               let name = member switch
               {
                   PropertyDeclarationSyntax property => property.Identifier.Text,
                   MethodDeclarationSyntax method => method.Identifier.Text,
                   _ => null,
               }
               where name is not null
               select name,
        ];

        /// <summary>Names with points between them, such as a using line has.</summary>
        public IEnumerable<string> Paths =>
            from node in Code.DescendantNodes(IsNoNamespaceLine)
            where node is QualifiedNameSyntax or MemberAccessExpressionSyntax or AliasQualifiedNameSyntax
                || (node is IdentifierNameSyntax && node.Parent is UsingDirectiveSyntax)
            select Plain(node.ToString());

        private static bool IsNoNamespaceLine(SyntaxNode node) =>
            node.Parent is not BaseNamespaceDeclarationSyntax space || space.Name != node;

        private static bool IsBehindPoint(SimpleNameSyntax name) => name.Parent switch
        {
            MemberAccessExpressionSyntax access => access.Name == name,
            QualifiedNameSyntax qualified => qualified.Right == name,
            MemberBindingExpressionSyntax => true,
            _ => false,
        };

        private static bool IsSet(SimpleNameSyntax name) =>
            (name.Parent is AssignmentExpressionSyntax set && set.Left == name) || name.Parent is NameColonSyntax or NameEqualsSyntax;

        private static string Plain(string path)
        {
            var plain = string.Concat(path.Where(c => !char.IsWhiteSpace(c)));
            return plain.StartsWith("global::", StringComparison.Ordinal) ? plain["global::".Length..] : plain;
        }
    }
}

/// <summary>A file of one folder that uses another.</summary>
internal sealed record FolderUse(string Path, string From, string To);
