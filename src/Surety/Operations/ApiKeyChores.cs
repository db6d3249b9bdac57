using Microsoft.Extensions.Logging;
using Surety.Storage;

namespace Surety.Operations;

/// <summary>Notes of API keys that their time is over, so that no clock that is set back lets them work again.</summary>
internal sealed class EndKeys(IApiKeyStore keys) : IChore
{
    public TimeSpan Every => TimeSpan.FromSeconds(30);

    public async Task DoAsync(CancellationToken cancel) => await keys.EndExpiredAsync(cancel);
}

/// <summary>Deletes API keys that ended long ago.</summary>
internal sealed class PruneKeys(IApiKeyStore keys, SuretyOptions options, ILogger<PruneKeys> log) : IChore
{
    public TimeSpan Every => TimeSpan.FromHours(1);

    public Task DoAsync(CancellationToken cancel) => options.KeepEndedKeys > TimeSpan.Zero
        ? Prune.AllAsync([(limit, stop) => keys.PruneAsync(options.KeepEndedKeys, limit, stop)], log, cancel)
        : Task.CompletedTask;
}
