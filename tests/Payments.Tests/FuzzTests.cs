using System.Collections.Concurrent;
using System.Globalization;
using Payments.Tests.Fuzz;

namespace Payments.Tests;

public sealed class FuzzOnSqliteTests(Backend backend, ITestOutputHelper output) : FuzzTests(backend, output), IClassFixture<Backend>;

public sealed class FuzzOnPostgresTests(PostgresBackend backend, ITestOutputHelper output)
    : FuzzTests(backend, output), IClassFixture<PostgresBackend>;

/// <summary>
/// Requests made from the OpenAPI document by chance, several at once, with a seed that makes each of them again.
/// <c>SURETY_FUZZ_REQUESTS=100000</c> sends more, <c>SURETY_FUZZ_SEED</c> others, and
/// <c>SURETY_FUZZ_ONLY=17</c> (or <c>0-999</c>) one of them, or some.
/// </summary>
public abstract class FuzzTests(Backend backend, ITestOutputHelper output)
{
    private const int BatchSize = 500;
    private const int AtOnce = 16;
    private const int MostFaults = 20;
    private static readonly int Seed = Setting("SURETY_FUZZ_SEED", 2026);
    private static readonly int Requests = Counts.Of(20_000, "SURETY_FUZZ_REQUESTS");
    private static readonly string? Only = Environment.GetEnvironmentVariable("SURETY_FUZZ_ONLY");

    // A wait for a job is bounded by 30 s, and a body that stands still by a minute.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly ConcurrentQueue<string> faults = new();
    private readonly ConcurrentDictionary<string, int> accepted = new();
    private readonly ConcurrentDictionary<int, int> statuses = new();
    private int worlds;

    [Fact]
    public async Task No_request_made_by_chance_from_the_contract_fails_hangs_tells_of_the_inside_or_does_what_its_answer_does_not_promise()
    {
        var judge = await Judge.WithCodesOfAsync(backend);
        // Some jobs are still at it when they are asked for, waited for or cancelled.
        await backend.TroubleAsync(new { DelayMs = 1_000, FailPercent = 20, LosePercent = 5 });
        foreach (var batch in Numbers().Chunk(BatchSize).TakeWhile(_ => faults.Count < MostFaults))
        {
            await LookIntoAsync(batch, judge);
        }

        string.Join(Environment.NewLine, faults).ShouldBeEmpty(
            $"Repeat one with SURETY_FUZZ_SEED={Seed} SURETY_FUZZ_ONLY=(its number) ./test {GetType().Name}. Statuses: {Statuses()}");
        (await backend.GetAsync("/readyz")).ShouldBe(200);
        await backend.TroubleAsync(new { });
        await backend.QuietAsync();
        (await backend.AuditAsync()).Faults().ShouldBeEmpty();
        // A fuzzer that is refused everywhere finds nothing.
        if (Only is null) Contract.Operations.Select(o => o.Name).Except(accepted.Keys).ShouldBeEmpty("never accepted");
    }

    [Fact]
    public void A_seed_and_a_number_make_one_request()
    {
        var (one, same, other) = (Make(Seed), Make(Seed), Make(Seed + 1));
        one.ShouldBe(same);
        one.Distinct().Count().ShouldBeGreaterThan(one.Count * 4 / 5);
        one.Intersect(other).Count().ShouldBeLessThan(one.Count / 10);
        Enumerable.Range(0, 5_000).Select(n => RequestMaker.Make(Seed, n, World.Imagined()).Operation.Name)
            .Distinct().Order().ShouldBe(Contract.Operations.Select(o => o.Name).Order());

        static List<string> Make(int seed) =>
            [.. Enumerable.Range(0, 500).Select(n => Convert.ToHexString(RequestMaker.Make(seed, n, World.Imagined()).Bytes))];
    }

    /// <summary>An effect too many is looked for in halves, each in a world of its own, until its request is found.</summary>
    private async Task<bool> LookIntoAsync(int[] numbers, Judge judge)
    {
        var differences = await SendAsync(numbers, judge);
        if (differences.Count == 0) return false;
        var middle = numbers.Length / 2;
        if (middle == 0 || !(await LookIntoAsync(numbers[..middle], judge) | await LookIntoAsync(numbers[middle..], judge)))
        {
            var these = middle == 0
                ? $"{RequestMaker.Make(Seed, numbers[0], World.Imagined())}" : $"requests {numbers[0]}-{numbers[^1]} together";
            foreach (var difference in differences) faults.Enqueue($"{these}: {difference}");
        }

        return true;
    }

    private async Task<List<string>> SendAsync(int[] numbers, Judge judge)
    {
        var world = await World.MakeAsync(backend, worlds++);
        var before = await Effects.CountAsync(backend);
        var promised = new Effects();
        var left = new ConcurrentQueue<int>(numbers);
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            using var connection = new RawConnection(backend.Rig.Payments.BaseAddress!);
            while (left.TryDequeue(out var number)) await SendAsync(RequestMaker.Make(Seed, number, world), connection, judge, promised);
        }));
        foreach (var fault in (await backend.AuditAsync()).Faults()) faults.Enqueue($"{fault} after {numbers[0]} to {numbers[^1]}");
        return [.. promised.Differences(before, await Effects.CountAsync(backend))];
    }

    private async Task SendAsync(FuzzRequest request, RawConnection connection, Judge judge, Effects promised)
    {
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            var reply = await connection.SendAsync(request, limit.Token);
            if (judge.Fault(request, reply) is { } fault) faults.Enqueue($"{request}: {fault}");
            if (Only is not null) output.WriteLine($"{request}: {reply?.Status} {reply?.Body}");
            statuses.AddOrUpdate(reply?.Status ?? 0, 1, (_, count) => count + 1);
            if (reply?.Status < 400) accepted.AddOrUpdate(request.Operation.Name, 1, (_, count) => count + 1);
            lock (promised) promised.Promise(request, reply);
        }
        catch (OperationCanceledException)
        {
            faults.Enqueue($"{request}: no answer within {Patience.TotalSeconds} s");
        }
        catch (InvalidDataException e)
        {
            faults.Enqueue($"{request}: {e.Message}");
        }
    }

    private string Statuses() => string.Join(", ", statuses.OrderBy(s => s.Key).Select(s => $"{s.Value} x {s.Key}"));

    private static IEnumerable<int> Numbers()
    {
        if (Only is null) return Enumerable.Range(0, Requests);
        var ends = Only.Split('-').Select(n => int.Parse(n, CultureInfo.InvariantCulture)).ToList();
        return Enumerable.Range(ends[0], ends[^1] - ends[0] + 1);
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
