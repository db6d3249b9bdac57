using Shouldly;

namespace Surety.Tests.Conventions;

public sealed class FunctionSizeTests
{
    // Somebody is at work on them: whoever brings that work in takes the entries away.
    private static readonly string[] StillToDo = ["src/Surety.Postgres/Stores/PostgresMessages.cs"];

    [Fact]
    public void No_function_is_over_50_lines_or_15_branches() =>
        Files().Where(f => !StillToDo.Contains(f.Name)).SelectMany(f => FunctionSize.Faults(f.Name, f.Text)).ShouldBeEmpty();

    [Fact]
    public void No_file_is_free_of_the_rule_that_keeps_it() =>
        StillToDo.Except(Files().Where(f => FunctionSize.Faults(f.Name, f.Text).Any()).Select(f => f.Name))
            .ShouldBeEmpty("take these out of the list");

    [Theory]
    [InlineData("class A {\nvoid B()\n{\n", "}\n}", "B")]
    [InlineData("class A {\npublic A()\n{\n", "}\n}", "A")]
    [InlineData("class A {\nint B => Run(() =>\n{\n", "});\n}", "a lambda")]
    [InlineData("class A { int B {\nget\n{\n", "} } }", "B.get")]
    [InlineData("class A {\n[Fact]\nvoid B()\n{\n", "}\n}", "B")]
    public void A_function_of_51_lines_is_a_fault_and_one_of_50_is_none(string before, string after, string name)
    {
        var line = before.Contains("[Fact]", StringComparison.Ordinal) ? 3 : 2;
        FunctionSize.Faults("a.cs", before + Lines(47) + after).ShouldBeEmpty();
        FunctionSize.Faults("a.cs", before + Lines(48) + after).ShouldBe([$"a.cs:{line} {name} has 51 lines and 0 branches"]);
    }

    [Theory]
    [InlineData("if (a) B();", 1)]
    [InlineData("if (a && b || c) B(); else C();", 3)]
    [InlineData("for (;;) B();", 1)]
    [InlineData("foreach (var a in b) B();", 1)]
    [InlineData("foreach (var (a, b) in c) B();", 1)]
    [InlineData("while (a) B();", 1)]
    [InlineData("do B(); while (a);", 1)]
    [InlineData("switch (a) { case 1: B(); break; case > 2: C(); break; default: D(); break; }", 2)]
    [InlineData("try { B(); } catch (A) { } catch (C) { } finally { D(); }", 2)]
    [InlineData("var a = b ? c : d ?? e;", 2)]
    [InlineData("a ??= b?.C ?? d;", 2)]
    [InlineData("var a = b switch { 1 => c, 2 or 3 => d, _ => e };", 0)]
    [InlineData("var text = $\"{(a ? b : c)}\";", 1)]
    [InlineData("// if (a) B();", 0)]
    public void A_branch_is_where_code_goes_on_in_one_of_two_ways(string statement, int branches) =>
        FunctionSize.Of($"class A {{ void B()\n{{\n{statement}\n}} }}").ShouldHaveSingleItem().Branches.ShouldBe(branches);

    [Fact]
    public void A_function_with_16_branches_is_a_fault_and_one_with_15_is_none()
    {
        FunctionSize.Faults("a.cs", With(15)).ShouldBeEmpty();
        FunctionSize.Faults("a.cs", With(16)).ShouldBe(["a.cs:1 B has 3 lines and 16 branches"]);

        static string With(int branches) => $"class A {{ void B()\n{{ {string.Concat(Enumerable.Repeat("if (a) C(); ", branches))}\n}} }}";
    }

    [Fact]
    public void The_branches_of_a_function_inside_another_are_its_own()
    {
        var functions = FunctionSize.Of(
            "class A { void B() { if (a) C(); Run(() => { if (a) C(); if (b) D(); }); Run(() => a ? b : c); void L() { if (a) C(); } } }");
        functions.Select(f => (f.Name, f.Branches)).ShouldBe([("B", 2), ("a lambda", 2), ("L", 1)]);
    }

    private static string Lines(int count) => string.Concat(Enumerable.Repeat("Run();\n", count));

    private static IEnumerable<(string Name, string Text)> Files() =>
        Repository.Sources("src").Select(f => (Repository.Name(f), File.ReadAllText(f)));
}
