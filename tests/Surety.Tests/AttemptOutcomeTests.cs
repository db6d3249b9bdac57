using System.Text.Json;
using Shouldly;

namespace Surety.Tests;

public class AttemptOutcomeTests
{
    public static TheoryData<AttemptOutcome> Ends => [.. Enum.GetValues<AttemptOutcome>().Where(o => o != AttemptOutcome.Unknown)];

    [Theory]
    [MemberData(nameof(Ends))]
    public void An_end_is_the_same_word_in_JSON_and_in_the_store(AttemptOutcome outcome)
    {
        var attempt = new AttemptInfo(1, outcome, null, "node", default, default);
        var json = JsonSerializer.SerializeToElement(attempt).GetProperty("Outcome").GetString();
        json.ShouldBe(outcome.ToString().ToLowerInvariant());
        StoredOutcome.Text(outcome).ShouldBe(json);
        StoredOutcome.Read(json!).ShouldBe(outcome);
    }

    [Fact]
    public void A_word_of_a_newer_version_is_read_as_unknown_and_never_written()
    {
        StoredOutcome.Read("vanished").ShouldBe(AttemptOutcome.Unknown);
        Should.Throw<ArgumentOutOfRangeException>(() => StoredOutcome.Text(AttemptOutcome.Unknown));
    }
}
