using System.Text.Json;
using System.Text.Json.Nodes;
using Surety.Rigs;
using Surety.Tests.Conventions;

namespace Payments.Tests;

/// <summary>
/// The contract as clients read it: made at build, served by the host, clean in two lints, and enough to write a client from.
/// </summary>
public sealed class OpenApiTests(Backend backend) : IClassFixture<Backend>
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    private static readonly string Golden = Path.Combine(Repository.Root, "samples", "Payments", "openapi.json");

    /// <summary>What the build wrote, beside the program.</summary>
    public static string Built { get; } = Path.Combine(Path.GetDirectoryName(Programs.Find().Payments)!, "openapi.json");

    [Fact]
    public async Task The_document_in_the_repository_is_what_the_build_writes_and_what_the_host_serves()
    {
        var document = await ServedAsync();
        if (Environment.GetEnvironmentVariable("SURETY_ACCEPT") == "1")
            await File.WriteAllTextAsync(Golden, document.ReplaceLineEndings("\n").TrimEnd() + "\n");
        var served = Text(document);
        Text(await File.ReadAllTextAsync(Golden)).ShouldBe(
            served, "If the change is meant, run this test with SURETY_ACCEPT=1 and commit samples/Payments/openapi.json.");
        Text(await File.ReadAllTextAsync(Built)).ShouldBe(served);
    }

    [Fact]
    public async Task It_can_be_read_without_a_credential_and_is_version_3_1()
    {
        using var nobody = new HttpClient { BaseAddress = backend.Rig.Payments.BaseAddress };
        JsonNode.Parse(await nobody.GetStringAsync("/openapi/v1.json"))!["openapi"]!.GetValue<string>().ShouldStartWith("3.1");
    }

    [Fact]
    public async Task No_endpoint_is_left_out_of_it()
    {
        await ServedAsync();
        backend.Rig.Nodes[0].LastLines.ShouldNotContain("is not in the OpenAPI document");
    }

    [Fact]
    public void An_answer_that_it_does_not_declare_fails_whichever_test_gets_it()
    {
        var headers = new Dictionary<string, string> { ["Content-Type"] = "application/json" };
        DeclaredAnswers.Fault("GET", "/accounts/1", new Reply(200, headers, "{}")).ShouldBeNull();
        DeclaredAnswers.Fault("GET", "/accounts/1", new Reply(418, headers, "{}"))!.ShouldContain(
            "GET /accounts/{id}: 418 is not declared");
        DeclaredAnswers.Fault("GET", "/accounts/1", new Reply(
            200, new Dictionary<string, string>(headers) { ["Location"] = "/" }, "{}"))!.ShouldContain("Location");
        DeclaredAnswers.Fault("GET", "/accounts/1", new Reply(404, headers, "{}"))!.ShouldContain("as application/json");
    }

    [Fact]
    public async Task Redocly_finds_nothing_in_it()
    {
        var folder = await PrepareAsync();
        var (code, said) = await NodeTools.RunAsync(
            folder, "node_modules/@redocly/cli/bin/cli.js", "lint", "--extends=recommended", "--max-problems=1000", "openapi.json");
        code.ShouldBe(0, said);
        said.ShouldContain("Your API description is valid");
        // "You have 3 warnings." That Node.js should be newer is no finding.
        said.ShouldNotContain("You have");
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Spectral_finds_nothing_in_it()
    {
        var folder = await PrepareAsync("spectral.yaml");
        var (code, said) = await NodeTools.RunAsync(
            folder, "node_modules/@stoplight/spectral-cli/dist/index.js",
            "lint", "--ruleset", "spectral.yaml", "--fail-severity", "hint", "openapi.json");
        code.ShouldBe(0, said);
        said.ShouldContain("No results with a severity of 'hint' or higher found!");
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_client_made_from_it_alone_drives_the_whole_backend()
    {
        var folder = await PrepareAsync("drive.ts", "declared.ts", "tsconfig.json", "package.json");
        await DoneAsync(
            "node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "schema.d.ts", "--default-non-nullable", "false");
        await DoneAsync("node_modules/typescript/bin/tsc", "--project", "tsconfig.json");
        var said = await DoneAsync("out/drive.js", backend.Rig.Payments.BaseAddress!.GetLeftPart(UriPartial.Authority), "dev");
        said.ShouldContain(" operations");
        Directory.Delete(folder, recursive: true);

        async Task<string> DoneAsync(params string[] arguments)
        {
            var (code, text) = await NodeTools.RunAsync(folder, arguments);
            code.ShouldBe(0, text);
            return text;
        }
    }

    private async Task<string> PrepareAsync(params string[] files)
    {
        var folder = NodeTools.Prepare(files);
        await File.WriteAllTextAsync(Path.Combine(folder, "openapi.json"), await ServedAsync());
        return folder;
    }

    private async Task<string> ServedAsync() => (await backend.GetAsync("/openapi/v1.json")).ShouldBe(200).Body;

    private static string Text(string document) => JsonNode.Parse(document)!.ToJsonString(Indented);
}
