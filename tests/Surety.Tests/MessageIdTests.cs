using System.Text.Json;
using System.Text.Json.Serialization;
using Shouldly;

namespace Surety.Tests;

public sealed partial class MessageIdTests
{
    // JavaScript's numbers end at 2^53; this one would be read as another.
    private static readonly Sent Large = new(new MessageId(9_007_199_254_740_993), null, new() { [new MessageId(17)] = "seventeen" });
    private const string Json = """{"Id":"9007199254740993","After":null,"Names":{"17":"seventeen"}}""";

    [Fact]
    public void An_id_is_a_string_of_digits_in_JSON()
    {
        JsonSerializer.Serialize(Large).ShouldBe(Json);
        ShouldBeLarge(JsonSerializer.Deserialize<Sent>(Json));
    }

    [Fact]
    public void A_source_generated_context_writes_and_reads_it_alike()
    {
        JsonSerializer.Serialize(Large, SentJson.Default.Sent).ShouldBe(Json);
        ShouldBeLarge(JsonSerializer.Deserialize(Json, SentJson.Default.Sent));
        JsonSerializer.Deserialize("\"17\"", SentJson.Default.MessageId).ShouldBe(new MessageId(17));
    }

    [Theory]
    [InlineData("17")]
    [InlineData("\"0\"")]
    [InlineData("\"-1\"")]
    [InlineData("\"+1\"")]
    [InlineData("\" 1\"")]
    [InlineData("\"\"")]
    [InlineData("\"9223372036854775808\"")]
    [InlineData("null")]
    [InlineData("{\"Value\":17}")]
    public void What_is_no_id_is_not_read_as_one(string json) =>
        Should.Throw<JsonException>(() => JsonSerializer.Deserialize<MessageId>(json)).Message.ShouldContain("string of decimal digits");

    private static void ShouldBeLarge(Sent? read)
    {
        read.ShouldNotBeNull();
        (read.Id, read.After).ShouldBe((Large.Id, Large.After));
        read.Names.ShouldBe(Large.Names);
    }

    public sealed record Sent(MessageId Id, MessageId? After, Dictionary<MessageId, string> Names);

    [JsonSerializable(typeof(Sent))]
    private sealed partial class SentJson : JsonSerializerContext;
}
