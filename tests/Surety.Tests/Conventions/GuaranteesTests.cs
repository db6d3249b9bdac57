using System.Text.RegularExpressions;
using Shouldly;

namespace Surety.Tests.Conventions;

/// <summary>docs/guarantees.md: every promise names tests, and every test it names exists.</summary>
public partial class GuaranteesTests
{
    private static readonly string[] WithoutProof = ["What Surety promises", "Against what", "Never promised"];

    [Fact]
    public void Every_promise_names_a_test_and_every_named_test_exists()
    {
        var page = Path.Combine(Repository.Root, "docs", "guarantees.md");
        var faults = new List<string>();
        var promises = 0;
        foreach (var section in Heading().Split(File.ReadAllText(page)).Skip(1).Chunk(3))
        {
            var (level, title, text) = (section[0], section[1], section[2]);
            if (level.Length < 3 || WithoutProof.Contains(title)) continue;
            promises++;
            var links = Link().Matches(text);
            if (links.Count == 0) faults.Add($"\"{title}\" names no test");
            foreach (Match link in links)
            {
                var file = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, link.Groups["file"].Value));
                var test = link.Groups["test"].Value.Trim().Replace(' ', '_');
                if (!File.Exists(file)) faults.Add($"\"{title}\": there is no {link.Groups["file"].Value}");
                else if (!Regex.IsMatch(
                    File.ReadAllText(file), $@"\[(?:Fact|Theory)[^\n]*\n(?:\s*(?:\[|//)[^\n]*\n)*\s*public [^\n]*\b{Regex.Escape(test)}\("))
                    faults.Add($"\"{title}\": {Path.GetFileName(file)} has no test {test}");
            }
        }

        faults.ShouldBeEmpty();
        promises.ShouldBeGreaterThan(20);
    }

    [GeneratedRegex(@"^(#+) (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\[(?<test>[^\]]+)\]\((?<file>\.\./tests/[^)]+\.cs)\)")]
    private static partial Regex Link();
}
