using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Surety.AspNetCore.Security;
using Surety.Storage;

namespace Surety.AspNetCore.Limits;

/// <summary>
/// One named quota: who of a request's is counted, and his window. Callers beyond a bound share windows, so that no flood of new ones can
/// fill the memory.
/// </summary>
internal sealed class Quota : IDisposable
{
    private const int SharedWindows = 64;

    private readonly PartitionedRateLimiter<string> callers;
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, bool> known = new(StringComparer.Ordinal);
    private readonly int maxCallers;
    private int count;

    public Quota(string name, QuotaOptions options, int maxCallers, IQuotaStore store, TimeProvider time, ILogger logger)
    {
        (Name, Options, this.maxCallers) = (name, options, maxCallers);
        Policy = string.Create(CultureInfo.InvariantCulture, $"\"{name}\";q={options.Permits};w={(long)options.Window.TotalSeconds}");
        Func<string, RateLimiter> make = Make;
        callers = PartitionedRateLimiter.Create<string, string>(
            caller => RateLimitPartition.Get(Bounded(caller), make), StringComparer.Ordinal);

        RateLimiter Make(string caller)
        {
            if (known.TryAdd(caller, true)) Interlocked.Increment(ref count);
            if (!options.Shared) return new LocalQuota(options.Permits, options.Window, time, () => Forget(caller));
            var key = Digest.OfKey(null, name, options.Window.ToString("c", CultureInfo.InvariantCulture), "quota", caller);
            return new SharedQuota(key, name, options, store, time, logger, () => Forget(caller));
        }
    }

    public string Name { get; }

    public QuotaOptions Options { get; }

    /// <summary>As it stands in <c>RateLimit-Policy</c>.</summary>
    public string Policy { get; }

    /// <summary>How many callers have a window here now.</summary>
    public int Callers => Volatile.Read(ref count);

    public async ValueTask<QuotaLease> TakeAsync(HttpContext http) =>
        (QuotaLease)await callers.AcquireAsync(Caller(http), 1, http.RequestAborted);

    public void Dispose() => callers.Dispose();

    private string Caller(HttpContext http)
    {
        if (Options.By == QuotaBy.ApiKey && http.User.FindFirst(Principals.ApiKey)?.Value is { } prefix) return $"key {prefix}";
        return Options.By != QuotaBy.Address && http.User.Principal() is { Length: > 0 } principal
            ? $"principal {principal}" : $"address {Network(http.Connection.RemoteIpAddress)}";
    }

    /// <summary>A client with one address of IPv6 has a whole /64 of them.</summary>
    private static string Network(IPAddress? address)
    {
        if (address is null) return "none";
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        return address.AddressFamily == AddressFamily.InterNetworkV6
            ? Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8)) : address.ToString();
    }

    private string Bounded(string caller) =>
        Callers < maxCallers || known.ContainsKey(caller)
            ? caller : string.Create(
                CultureInfo.InvariantCulture, $"#{(uint)string.GetHashCode(caller, StringComparison.Ordinal) % SharedWindows}");

    private void Forget(string caller)
    {
        if (known.TryRemove(caller, out _)) Interlocked.Decrement(ref count);
    }
}
