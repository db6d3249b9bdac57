using System.Text;

namespace Surety.AspNetCore.Tests;

/// <summary>
/// A good body is changed at random; whatever comes out is either a good one still or refused with a whole problem, never a failure of the
/// server.
/// </summary>
public class MutatedBodyTests
{
    private static readonly byte[] Good = Encoding.UTF8.GetBytes(
        """
        {"order-no":"1","lines":[{"sendTo":"a@b","count":1},{"sendTo":"c@d","count":99}],"speed":"sameDay",
        "wantedBy":"2026-05-01T12:00:00+02:00","marks":{"a.b['c']":1,"":2},"replaces":null}
        """.ReplaceLineEndings(""));

    private static readonly string[] Scraps =
        ["null", "{}", "[]", "\"\"", "\"\\ud800\"", "1e400", "-0", "tru", "\\", "'", "]", "}", ":", ",", "\"lines\":", "\"order-no\":",
            "\"$type\":\"System.Object\",", "\"a'b\":0,", "\u2028", "\0", "[[[[[[[[[["];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_body_is_taken_or_refused_never_the_servers_fault(int seed)
    {
#pragma warning disable CA5394 // Repeatable is what is wanted here.
        var random = new Random(seed);
        await using var app = await EdgeApp.StartAsync(Orders.Map);
        (await app.Alice.PostAsync("/orders", Encoding.UTF8.GetString(Good))).ShouldBe(200);
        var refused = 0;
        for (var i = 0; i < 250; i++)
        {
            var body = Good.ToList();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                var at = random.Next(body.Count);
                if (random.Next(3) == 0) body.RemoveRange(at, Math.Min(random.Next(1, 30), body.Count - at - 1));
                else if (random.Next(3) == 0) body[at] = (byte)random.Next(256);
                else body.InsertRange(at, Encoding.UTF8.GetBytes(Scraps[random.Next(Scraps.Length)]));
            }
#pragma warning restore CA5394

            using var content = new ByteArrayContent([.. body]) { Headers = { ContentType = new("application/json") } };
            var answer = await app.Alice.SendAsync(HttpMethod.Post, "/orders", content, default);
            if (answer.Status == 200) continue;
            answer.ShouldBeProblem(400, answer.Member("code") == "validation" ? "validation" : "malformed-body");
            answer.Member("detail").ShouldNotBeNullOrEmpty();
            refused++;
        }

        refused.ShouldBeGreaterThan(100);
    }
}
