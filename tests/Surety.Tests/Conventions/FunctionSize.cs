using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Surety.Tests.Conventions;

/// <summary>
/// How long a function is and how many branches it has. A function is a method, constructor, operator, accessor, local function, or lambda
/// with a block. Its lines are all from its first to the brace that ends it, those of a function inside it included; its branches are its
/// own, without those of a function inside it.
/// </summary>
/// <param name="Line">Where it begins, after its comments and attributes.</param>
/// <param name="Lines">From there to its end.</param>
/// <param name="Branches">As <see cref="IsBranch"/> counts them.</param>
internal sealed record FunctionSize(string Name, int Line, int Lines, int Branches)
{
    public const int MostLines = 50;
    public const int MostBranches = 15;

    /// <summary>The functions of the text that are too long or have too many branches.</summary>
    public static IEnumerable<string> Faults(string path, string text) =>
        from function in Of(text)
        where function.Lines > MostLines || function.Branches > MostBranches
        select $"{path}:{function.Line} {function.Name} has {function.Lines} lines and {function.Branches} branches";

    public static IEnumerable<FunctionSize> Of(string text) =>
        Code.Parse(text).DescendantNodes().Where(IsFunction).Select(Measure);

    private static FunctionSize Measure(SyntaxNode function)
    {
        var lines = function.SyntaxTree.GetLineSpan(SpanOf(function));
        var (first, last) = (lines.StartLinePosition.Line + 1, lines.EndLinePosition.Line + 1);
        return new FunctionSize(
            NameOf(function), first, last - first + 1, function.DescendantNodes(n => n == function || !IsFunction(n)).Count(IsBranch));
    }

    private static bool IsFunction(SyntaxNode node) =>
        node is BaseMethodDeclarationSyntax or AccessorDeclarationSyntax or LocalFunctionStatementSyntax
            or AnonymousFunctionExpressionSyntax { Block: not null };

    /// <summary>
    /// A branch is a place where the code goes on in one of two ways: <c>if</c>, a loop, <c>?:</c>, <c>&amp;&amp;</c>, <c>||</c>,
    /// <c>??</c>, <c>??=</c>, a <c>case</c> and a <c>catch</c>. No branches are <c>?.</c>, patterns, and the arms of a switch expression,
    /// which are the rows of a table.
    /// </summary>
    private static bool IsBranch(SyntaxNode node) => node.Kind() is
        SyntaxKind.IfStatement or SyntaxKind.ForStatement or SyntaxKind.ForEachStatement or SyntaxKind.ForEachVariableStatement
        or SyntaxKind.WhileStatement or SyntaxKind.DoStatement or SyntaxKind.ConditionalExpression or SyntaxKind.LogicalAndExpression
        or SyntaxKind.LogicalOrExpression or SyntaxKind.CoalesceExpression or SyntaxKind.CoalesceAssignmentExpression
        or SyntaxKind.CaseSwitchLabel or SyntaxKind.CasePatternSwitchLabel or SyntaxKind.CatchClause;

    private static TextSpan SpanOf(SyntaxNode function)
    {
        var attributes = function.ChildNodes().OfType<AttributeListSyntax>().LastOrDefault();
        var first = attributes is null ? function.GetFirstToken() : attributes.GetLastToken().GetNextToken();
        return TextSpan.FromBounds(first.SpanStart, function.Span.End);
    }

    private static string NameOf(SyntaxNode function) => function switch
    {
        MethodDeclarationSyntax method => method.Identifier.Text,
        ConstructorDeclarationSyntax constructor => constructor.Identifier.Text,
        LocalFunctionStatementSyntax local => local.Identifier.Text,
        AccessorDeclarationSyntax { Parent.Parent: PropertyDeclarationSyntax property } accessor =>
            $"{property.Identifier.Text}.{accessor.Keyword.Text}",
        AnonymousFunctionExpressionSyntax => "a lambda",
        _ => "an operator",
    };
}
