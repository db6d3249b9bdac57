using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Surety.Tests.Conventions;

/// <summary>Reads C# as the compiler does, without its meaning.</summary>
internal static class Code
{
    private static readonly CSharpParseOptions Options = new(LanguageVersion.CSharp14, DocumentationMode.None);

    public static SyntaxNode Parse(string text) => CSharpSyntaxTree.ParseText(text, Options).GetRoot();
}
