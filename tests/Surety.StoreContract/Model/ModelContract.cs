using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.FSharp.Core;

namespace Surety.StoreContract.Model;

/// <summary>
/// Random stories, told to the store and to a model of it: both must say the same after every step. The same stories each time, so that a
/// failure is the change's; others, and as many as the environment variable SURETY_MODEL_STORIES says, when it is set.
/// </summary>
public abstract class ModelContract<TFixture> where TFixture : StoreFixture, new()
{
    private const int Longest = 250;

    /// <summary>How many stories are told.</summary>
    protected virtual int Stories => Counts.Of(200);

    /// <summary>
    /// How many claims in a row may leave out a message whose turn it is: a busy store need not look before every claim for what has become
    /// due, arrived, or has a higher priority.
    /// </summary>
    protected virtual int MostMisses => 0;

    // On a thread without a test runner's synchronization context, which the property's blocking would starve.
    [Fact]
    public Task The_store_does_what_the_model_does_in_every_story() => Task.Run(() =>
    {
        var config = Config.QuickThrowOnFailure;
        config = int.TryParse(Environment.GetEnvironmentVariable("SURETY_MODEL_STORIES"), CultureInfo.InvariantCulture, out var asked)
            ? config.WithMaxTest(asked)
            : config.WithMaxTest(Stories).WithReplay(
                FSharpOption<Replay>.Some(new Replay(new Rnd(20260301, 7919), FSharpOption<int>.None)));
        Prop.ForAll(Step.Stories(Longest), story => TellAsync(story).GetAwaiter().GetResult()).Check(config);
    });

    private async Task TellAsync(Step[] story)
    {
        var clock = new ManualTime();
        await using var fixture = new TFixture();
        await new Story(await fixture.OpenAsync(clock), clock, MostMisses).TakeAsync(story);
    }
}
