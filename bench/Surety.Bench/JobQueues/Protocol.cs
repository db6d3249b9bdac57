using System.Text.Json;
using System.Text.Json.Serialization;

namespace Surety.Bench.JobQueues;

/// <summary>An order to a child process: a line of JSON. What each does is written down in bench/queue/peers/player.mjs.</summary>
internal sealed record Order(string Do)
{
    public string Socket { get; init; } = "";
    public string Database { get; init; } = "";

    public string Queue { get; init; } = "posted";

    /// <summary>How many handlers a node runs at once; zero for what is best for throughput.</summary>
    public int Concurrency { get; init; }

    /// <summary>
    /// <c>none</c>, <c>row</c> (writes one, in the transaction that settles) or <c>fail</c> (every tenth job, the first time).
    /// </summary>
    public string Handler { get; init; } = "none";

    public long First { get; init; }
    public long Count { get; init; }
    public int PerCall { get; init; }
    public int InFlight { get; init; }
    public long Window { get; init; }
    public long Rate { get; init; }
    public int Seconds { get; init; }
}

/// <summary>What a child process says: a line of JSON.</summary>
internal sealed record Said([property: JsonPropertyName("said")] string What)
{
    public long Count { get; init; }
    public long Sum { get; init; }
    public uint Mixed { get; init; }
    public long At { get; init; }
    public long Micros { get; init; }

    /// <summary>
    /// How long its compiler at run time has worked since it began, in microseconds, waits for a processor included; zero where it does not
    /// know.
    /// </summary>
    public long Compiled { get; init; }

    public IReadOnlyList<long[]>? Waited { get; init; }
}

internal static class Line
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static string Of<T>(T value) => JsonSerializer.Serialize(value, Json);

    public static T Read<T>(string line) => JsonSerializer.Deserialize<T>(line, Json)!;
}
