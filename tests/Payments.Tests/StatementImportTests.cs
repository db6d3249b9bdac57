using System.Text.Json;

namespace Payments.Tests;

public sealed class StatementImportOnSqliteTests(Backend backend) : StatementImportTests(backend), IClassFixture<Backend>;

public sealed class StatementImportOnPostgresTests(PostgresBackend backend) : StatementImportTests(backend), IClassFixture<PostgresBackend>;

public abstract class StatementImportTests(Backend backend)
{
    [Fact]
    public async Task Each_good_line_is_a_transfer_and_each_bad_one_is_named()
    {
        var (from, to) = (await backend.AccountAsync(holds: 1_000), await backend.AccountAsync());
        using var file = StatementFile.Of(
            $"first,{from},{to},100", $"\"with, comma and \"\"quotes\"\"\",{from},{to},200",
            $"too much,{from},{to},5000", $"nobody,{from},99999999,1", $"self,{from},{from},1", "half a line",
            $"no sum,{from},{to},1.5", new string('x', 2_000), "", $"last,{from},{to},300");
        var job = await CurlAsync(file);
        var result = await ResultAsync(job);
        (result.GetProperty("lines").GetInt32(), result.GetProperty("posted").GetInt32(), result.GetProperty("rejectedInAll").GetInt32())
            .ShouldBe((9, 3, 6));
        result.GetProperty("rejected")
            .EnumerateArray().Select(r => (r.GetProperty("line").GetInt32(), r.GetProperty("code").GetString()!)).ShouldBe(
            [(4, "insufficient-funds"),
                (5, "account-not-found"), (6, "validation"), (7, "validation"), (8, "validation"), (9, "validation")]);
        (await backend.BalanceAsync(from)).ShouldBe(400);
        (await backend.BalanceAsync(to)).ShouldBe(600);
        (await backend.GetAsync(job)).ShouldBe(200).Json.GetProperty("progress").GetProperty("unit").GetString().ShouldBe("lines");
    }

    private async Task<string> CurlAsync(StatementFile file)
    {
        var answer = await StatementTests.RunAsync(
            "curl", ["-sS",
            "-H", "Authorization: Bearer dev", "-F", $"file=@{file.Path};type=text/csv", $"{backend.Rig.Payments.BaseAddress}statements"]);
        return JsonDocument.Parse(answer).RootElement.GetProperty("links").GetProperty("self").GetString()!;
    }

    private async Task<JsonElement> ResultAsync(string job)
    {
        await backend.JobUntilAsync(job["/jobs/".Length..], "succeeded");
        return (await backend.GetAsync(job + "/result")).ShouldBe(200).Json;
    }
}
