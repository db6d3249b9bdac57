using FsCheck;
using FsCheck.Fluent;

namespace Surety.StoreContract.Model;

/// <summary>Random stories, told to the store and to a model of it: both must say the same after every step.</summary>
public abstract class ModelContract<TFixture> where TFixture : StoreFixture, new()
{
    private const int Longest = 250;

    /// <summary>How many stories are told.</summary>
    protected virtual int Stories => 50;

    // On a thread without a test runner's synchronization context, which the property's blocking would starve.
    [Fact]
    public Task The_store_does_what_the_model_does_in_every_story() => Task.Run(() =>
        Prop.ForAll(Step.Stories(Longest), story => TellAsync(story).GetAwaiter().GetResult())
            .Check(Config.QuickThrowOnFailure.WithMaxTest(Stories)));

    private static async Task TellAsync(Step[] story)
    {
        var clock = new ManualTime();
        await using var fixture = new TFixture();
        await new Story(await fixture.OpenAsync(clock), clock).TakeAsync(story);
    }
}
