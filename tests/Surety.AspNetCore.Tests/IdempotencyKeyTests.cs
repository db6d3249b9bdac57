using System.Net.Sockets;
using System.Text;
using Surety.AspNetCore.Idempotency;

namespace Surety.AspNetCore.Tests;

public class IdempotencyKeyTests
{
    [Theory]
    [InlineData("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324")]
    [InlineData("\"8e03978e\"", "8e03978e")]
    [InlineData("  \"a b\"\t", "a b")]
    [InlineData("""
                "say \"no\" \\ "
                """, """say "no" \ """)]
    [InlineData("';--", null)]
    [InlineData("'--", "'--")]
    [InlineData("", null)]
    [InlineData("\"\"", null)]
    [InlineData("\"", null)]
    [InlineData("\"open", null)]
    [InlineData("\"two\"\"", null)]
    [InlineData("\"k\";p=1", null)]
    [InlineData("a,b", null)]
    [InlineData("a b", null)]
    [InlineData("a\"b", null)]
    [InlineData("\"bad\\escape\"", null)]
    [InlineData("\"end\\", null)]
    [InlineData("ключ", null)]
    [InlineData("\"ключ\"", null)]
    [InlineData("\"nul\0\"", null)]
    public void A_key_is_a_structured_string_or_the_same_without_quotes(string header, string? key)
    {
        IdempotencyKey.Read(header, out var fault).ShouldBe(key);
        (fault is null).ShouldBe(key is not null);
    }

    [Fact]
    public void A_key_has_at_most_255_characters()
    {
        var longest = new string('k', 255);
        IdempotencyKey.Read(longest, out _).ShouldBe(longest);
        IdempotencyKey.Read($"\"{longest}\"", out _).ShouldBe(longest);
        IdempotencyKey.Read(longest + "k", out var fault).ShouldBeNull();
        fault.ShouldNotBeNull().ShouldContain("255");
    }

    [Fact]
    public async Task A_missing_key_is_asked_for_and_a_bad_one_refused_before_anything_is_read_or_done()
    {
        var deposits = new Deposits();
        await using var app = await EdgeApp.StartAsync(deposits.Map);
        (await app.Alice.DepositAsync(null)).ShouldBeProblem(400, "idempotency-key-missing").Member("detail").ShouldNotBeNull()
            .ShouldContain("Idempotency-Key");
        foreach (var path in new[] { "/deposits", "/optional" })
        {
            (await app.Alice.DepositAsync("a,b", path: path)).ShouldBeProblem(400, "idempotency-key-invalid");
            (await app.Alice.DepositAsync(new string('k', 10_000), path: path))
                .ShouldBeProblem(400, "idempotency-key-invalid").Text.ShouldNotContain("kkkk");
        }

        deposits.Runs.ShouldBe(0);
        (await app.RecordsAsync()).ShouldBe(0);
    }

    [Theory]
    [InlineData("Idempotency-Key: one\r\nIdempotency-Key: two\r\n")]
    [InlineData("Idempotency-Key: one\r\nidempotency-key: one\r\n")]
    [InlineData("Idempotency-Key:\r\n")]
    [InlineData("Idempotency-Key: \u00e9\r\n")]
    public async Task A_key_that_is_no_key_on_the_wire_is_refused(string lines)
    {
        var deposits = new Deposits();
        await using var app = await EdgeApp.StartAsync(deposits.Map);
        var raw = await RawAsync(
            app, $"POST /deposits HTTP/1.1\r\nHost: x\r\nAuthorization: "
                + $"{app.Alice.DefaultRequestHeaders.Authorization}\r\n{lines}Content-Length: 0\r\nConnection: close\r\n\r\n");
        raw.ShouldStartWith("HTTP/1.1 400");
        raw.ShouldContain("idempotency-key-invalid");
        deposits.Runs.ShouldBe(0);
    }

    private static async Task<string> RawAsync(EdgeApp app, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(app.Address.Host, app.Address.Port);
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(request));
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20));
    }
}
