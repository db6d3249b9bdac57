using FsCheck;
using FsCheck.Fluent;
using Shouldly;
using Surety.StoreContract;

namespace Surety.Tests;

public class StoredTextTests
{
    private static readonly Arbitrary<string> Any = Arb.From(Texts.Any);

    [Fact]
    public void What_describes_is_kept_but_for_what_no_database_keeps() =>
        Prop.ForAll(Any, text => StoredText.Storable(text) == Texts.Kept(text)).QuickCheckThrowOnFailure();

    [Fact]
    public void A_text_is_storable_exactly_if_it_is_whole() =>
        Prop.ForAll(Any, text => StoredText.IsStorable(text) == Texts.IsWhole(text)).QuickCheckThrowOnFailure();

    [Fact]
    public void A_cut_text_is_storable_no_longer_than_allowed_and_begins_as_the_whole_one() =>
        Prop.ForAll(Any, Arb.From(Gen.Choose(1, 600)), (text, most) =>
    {
        var cut = StoredText.Cut(text, most);
        if (text.Length <= most) return cut == Texts.Kept(text);
        return cut.Length <= most
            && Texts.IsWhole(cut) && cut.EndsWith('…') && Texts.Kept(text).StartsWith(cut[..^1], StringComparison.Ordinal);
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("abc", 3, "abc")]
    [InlineData("abcd", 3, "ab…")]
    [InlineData("ab😀d", 4, "ab…")]
    [InlineData("ab😀de", 5, "ab😀…")]
    [InlineData("abe\u0301de", 4, "ab…")]
    [InlineData("ab👍🏽de", 6, "ab…")]
    [InlineData("ab👍🏽de", 7, "ab👍🏽…")]
    [InlineData("🇩🇪🇫🇷🇪🇸", 8, "🇩🇪…")]
    [InlineData("👨‍👩‍👧‍👦", 6, "👨‍👩…")]
    [InlineData("😀😀", 1, "…")]
    public void What_people_see_as_one_character_is_not_cut_in_two(string text, int most, string cut) =>
        StoredText.Cut(text, most).ShouldBe(cut);

    // Not as data of a test above: an attribute has no halves of characters either.
    [Fact]
    public void Halves_of_characters_and_NUL_are_replaced_one_by_one()
    {
        StoredText.Cut("a\ud83d", 2).ShouldBe("a\ufffd");
        StoredText.Cut("\ude00\ud83d\0😀", 10).ShouldBe("\ufffd\ufffd\ufffd😀");
        StoredText.Cut("ab\ud83dcd", 4).ShouldBe("ab\ufffd…");
    }

    [Fact]
    public void A_text_that_can_be_kept_is_not_copied()
    {
        var text = "all of it, 😀";
        StoredText.Storable(text).ShouldBeSameAs(text);
        StoredText.Cut(text, 100).ShouldBeSameAs(text);
    }

    [Fact]
    public void A_filter_that_no_message_can_fit_is_known_as_such()
    {
        StoredText.CanFit(new MessageFilter()).ShouldBeTrue();
        StoredText.CanFit(new MessageFilter { Owner = "a\ud83d" }).ShouldBeFalse();
        StoredText.CanFit(new MessageFilter { Cause = "a\0" }).ShouldBeFalse();
    }
}
