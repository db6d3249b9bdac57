using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Surety.AspNetCore.Limits;
using Surety.Storage;

namespace Surety.AspNetCore.Idempotency;

/// <summary>What the host's commands work with. One object for all of them, so that a request looks up one service, not eight.</summary>
internal sealed class CommandServices(
    IOptions<EdgeOptions> options, TimeProvider time, Database database, IStore store, IIdempotencyStore records, KeysInFlight inFlight,
    Admission admission, Failpoints failpoints, ILogger<Command> logger)
{
    public EdgeOptions Options { get; } = options.Value;

    public TimeProvider Time => time;

    public IStore Store => store;

    public IIdempotencyStore Records => records;

    public KeysInFlight InFlight => inFlight;

    public Admission Admission => admission;

    public Failpoints Failpoints => failpoints;

    public ILogger Logger => logger;

    public ValueTask<OwnedUnitOfWork> BeginAsync(CancellationToken cancel) => database.BeginWithinAsync(Options.CommandTimeout, cancel);
}
