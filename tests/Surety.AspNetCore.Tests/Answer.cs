using System.Text;
using System.Text.Json;

namespace Surety.AspNetCore.Tests;

/// <summary>What a client got.</summary>
internal sealed record Answer(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public string? this[string header] => Headers.GetValueOrDefault(header);

    public string? Member(string name) => Json.TryGetProperty(name, out var value) ? value.ToString() : null;

    /// <summary>The message of the job that was accepted: its number is the beginning of the job's id.</summary>
    public MessageId Job => MessageId.Parse(Member("id")!.Split('-')[0], null);

    public Answer ShouldBe(int status)
    {
        Status.ShouldBe(status, Text);
        return this;
    }

    /// <summary>A problem is complete, whatever it is about.</summary>
    public Answer ShouldBeProblem(int status, string code, string outcome = "none")
    {
        Status.ShouldBe(status, Text);
        this["Content-Type"].ShouldBe("application/problem+json");
        this["Cache-Control"].ShouldBe("no-store");
        Member("code").ShouldBe(code, Text);
        Member("outcome").ShouldBe(outcome, Text);
        Member("status").ShouldBe(status.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Member("type").ShouldBe($"https://surety.example/problems#{code}");
        Member("title").ShouldNotBeNullOrWhiteSpace();
        Member("traceId").ShouldNotBeNullOrWhiteSpace();
        Member("instance").ShouldNotBeNull().ShouldStartWith("/");
        foreach (var secret in new[] { "Surety.", "System.", "Microsoft.", "   at ", "Data Source", "sk_" })
            Text.ShouldNotContain(secret, Case.Sensitive);
        return this;
    }

    /// <summary>The same answer, but for the mark of a repeat.</summary>
    public void ShouldRepeat(Answer first)
    {
        Status.ShouldBe(first.Status, Text);
        this["Idempotent-Replayed"].ShouldBe("true");
        Body.ShouldBe(first.Body);
        // What is left of a quota is said anew each time.
        Headers.Where(h => h.Key is not ("Idempotent-Replayed" or "RateLimit")).OrderBy(h => h.Key)
            .ShouldBe(first.Headers.Where(h => h.Key != "RateLimit").OrderBy(h => h.Key));
    }
}
