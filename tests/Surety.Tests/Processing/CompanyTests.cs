using Shouldly;
using Surety.Processing;

namespace Surety.Tests.Processing;

public class CompanyTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly Company company = new(TimeProvider.System);

    [Fact]
    public async Task One_runs_alone_once_all_others_have_left_and_lets_them_in_again()
    {
        (await company.EnterAsync()).ShouldBeTrue();
        (await company.EnterAsync()).ShouldBeTrue();
        var clearing = company.ClearAsync(Patience, default);
        var late = company.EnterAsync().AsTask();
        company.Leave();
        clearing.IsCompleted.ShouldBeFalse();
        company.Leave();
        (await clearing.WaitAsync(Patience)).ShouldBeTrue();
        late.IsCompleted.ShouldBeFalse();
        company.LetIn();
        (await late.WaitAsync(Patience)).ShouldBeTrue();
    }

    [Fact]
    public async Task What_runs_for_longer_than_the_patience_is_left_in_peace()
    {
        (await company.EnterAsync()).ShouldBeTrue();
        var clearing = company.ClearAsync(TimeSpan.FromMilliseconds(20), default);
        var late = company.EnterAsync().AsTask();
        (await clearing.WaitAsync(Patience)).ShouldBeFalse();
        (await late.WaitAsync(Patience)).ShouldBeTrue();
    }

    [Fact]
    public async Task Nothing_is_alone_beside_a_handler_that_goes_on_without_its_slot()
    {
        company.Desert();
        company.HasDeserters.ShouldBeTrue();
        (await company.ClearAsync(TimeSpan.FromMilliseconds(20), default)).ShouldBeFalse();
        var clearing = company.ClearAsync(Patience, default);
        company.DeserterEnded();
        (await clearing.WaitAsync(Patience)).ShouldBeTrue();
    }

    [Fact]
    public async Task Those_who_wait_can_be_turned_away()
    {
        (await company.ClearAsync(Patience, default)).ShouldBeTrue();
        var waiting = company.EnterAsync().AsTask();
        company.TurnAway();
        (await waiting.WaitAsync(Patience)).ShouldBeFalse();
        // Not for ever.
        var next = company.EnterAsync().AsTask();
        company.LetIn();
        (await next.WaitAsync(Patience)).ShouldBeTrue();
    }

    [Fact]
    public async Task However_many_come_and_go_none_runs_beside_the_one_that_is_alone()
    {
        var (inside, alone, faults) = (0, false, 0);
        using var over = new CancellationTokenSource();
        var others = Enumerable.Range(0, 8).Select(async _ =>
        {
            while (!over.IsCancellationRequested)
            {
                if (!await company.EnterAsync()) continue;
                Interlocked.Increment(ref inside);
                if (Volatile.Read(ref alone)) Interlocked.Increment(ref faults);
                await Task.Yield();
                Interlocked.Decrement(ref inside);
                company.Leave();
                await Task.Yield();
            }
        }).ToList();
        for (var i = 0; i < 500; i++)
        {
            (await company.ClearAsync(Patience, default)).ShouldBeTrue();
            Volatile.Write(ref alone, true);
            if (Volatile.Read(ref inside) != 0) faults++;
            await Task.Yield();
            Volatile.Write(ref alone, false);
            company.LetIn();
        }

        await over.CancelAsync();
        await Task.WhenAll(others).WaitAsync(Patience);
        faults.ShouldBe(0);
    }
}
