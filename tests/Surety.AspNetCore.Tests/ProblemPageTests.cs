using System.Text.RegularExpressions;
using Surety.AspNetCore.Problems;
using Surety.Tests.Conventions;

namespace Surety.AspNetCore.Tests;

public partial class ProblemPageTests
{
    [Fact]
    public void Every_code_that_Surety_answers_with_is_explained()
    {
        var used = Repository.Sources("src/Surety.AspNetCore").SelectMany(file => Literal().Matches(File.ReadAllText(file)))
            .Select(m => m.Groups["code"].Value).ToList();
        used.ShouldContain("bad-request");
        var named = typeof(ProblemCodes).GetFields().Where(f => f.IsLiteral).Select(f => (string)f.GetRawConstantValue()!).ToList();
        named.ShouldContain("job-has-no-result");
        var ofStatuses = Enumerable.Range(400, 200).Select(ProblemCodes.CodeOf)
            .Where(code => !code.StartsWith("http-", StringComparison.Ordinal));
        var codes = used.Concat(named).Concat(ofStatuses).Concat(ProblemCodes.Codes).Distinct().ToList();
        codes.Except(ProblemPage.Own.Keys).ShouldBeEmpty();
        ProblemPage.Own.Keys.Except(codes).ShouldBe(["http-status"]);
        ProblemPage.Own.Values.ShouldAllBe(text => text.Length > 30);
    }

    [Fact]
    public async Task In_Development_a_problems_type_has_its_page_on_the_host_and_everybody_may_read_it()
    {
        await using var app = await EdgeApp.StartAsync(Orders.Map, edge =>
            edge.ProblemTexts["out-of-stock"] = "422. There are `fewer` <left>.\n\nOrder fewer.", environment: "Development");
        var page = (await app.Client().FetchAsync("/problems")).ShouldBe(200);
        page["Content-Type"].ShouldBe("text/html; charset=utf-8");
        page["Content-Security-Policy"].ShouldNotBeNull().ShouldContain("default-src 'none'");
        foreach (var code in ProblemCodes.Codes.Append("out-of-stock").Append("http-418")) page.Text.ShouldContain($"id=\"{code}\"");
        page.Text.ShouldContain("<p>422. There are <code>fewer</code> &lt;left&gt;.</p><p>Order fewer.</p>");
        page.Text.ShouldNotContain("`");
    }

    [Fact]
    public async Task Elsewhere_the_page_is_served_only_where_the_host_says_so_and_where_the_types_say()
    {
        await using var silent = await EdgeApp.StartAsync(Orders.Map);
        (await silent.Alice.FetchAsync("/problems")).ShouldBeProblem(404, "not-found");
        await using var serving = await EdgeApp.StartAsync(
            Orders.Map, edge => (edge.ServeProblems, edge.ProblemBase) = (true, new Uri("https://api.shop.example/v1/errors")));
        (await serving.Client().FetchAsync("/v1/errors")).ShouldBe(200).Text.ShouldContain("id=\"validation\"");
    }

    [GeneratedRegex("[45]\\d\\d, \"(?<code>[a-z0-9-]+)\"")]
    private static partial Regex Literal();
}
