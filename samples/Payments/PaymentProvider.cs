using System.Net;
using System.Net.Http.Headers;
using Surety;

namespace Payments;

/// <summary>
/// A company that moves money to other banks (<c>samples/Provider</c> plays it). Anything but a clear answer throws, and the message is
/// tried again.
/// </summary>
/// <param name="http">For payments.</param>
/// <param name="voids">
/// For making sure that nothing is paid: by a pipeline of its own, or a company that fails at payments could not be asked.
/// </param>
public sealed class PaymentProvider(HttpClient http, HttpClient voids)
{
    public async Task<ProviderAnswer> PayAsync(Payout payout, CancellationToken cancel)
    {
        using var request = Request(HttpMethod.Post, "/payments", payout.ProviderKey);
        request.Content = JsonContent.Create(new { amount = Ids.Text(payout.Amount), payout.Currency, payout.Destination });
        using var response = await http.SendAsync(request, cancel);
        if (response.IsSuccessStatusCode) return new ProviderAnswer(await ReferenceAsync(response, cancel), null);
        if (response.StatusCode is HttpStatusCode.UnprocessableEntity or HttpStatusCode.Conflict)
            return new ProviderAnswer(
                null, $"The provider refused: {await response.Content.ReadAsStringAsync(cancel)}",
                IsVoided: response.StatusCode == HttpStatusCode.Conflict);
        throw Later(response);
    }

    /// <summary>
    /// Makes sure that nothing will be paid under the payout's key. Returns the payment's reference when that is too late.
    /// </summary>
    public async Task<string?> VoidAsync(Payout payout, CancellationToken cancel)
    {
        using var request = Request(HttpMethod.Delete, $"/payments/{payout.ProviderKey}", payout.ProviderKey);
        using var response = await voids.SendAsync(request, cancel);
        if (response.IsSuccessStatusCode) return null;
        if (response.StatusCode == HttpStatusCode.Conflict) return await ReferenceAsync(response, cancel);
        throw Later(response);
    }

    private static HttpRequestMessage Request(HttpMethod method, string path, string key) => new(method, path)
    {
        Headers = { { "Idempotency-Key", key } },
    };

    private static async Task<string> ReferenceAsync(HttpResponseMessage response, CancellationToken cancel) =>
        (await response.Content.ReadFromJsonAsync<PaymentBody>(cancel))?.Id ?? throw new RetryException(
            "The provider's answer has no payment id.");

    private static RetryException Later(HttpResponseMessage response) =>
        new($"The provider answered {(int)response.StatusCode}.", After(response.Headers.RetryAfter));

    private static TimeSpan? After(RetryConditionHeaderValue? header) => header?.Delta;

    private sealed record PaymentBody(string Id);
}

/// <summary>The payment's reference, or why the provider will never make it: it refuses, or was asked to void it.</summary>
public readonly record struct ProviderAnswer(string? Reference, string? Refused, bool IsVoided = false);

/// <summary>The providers by name: the primary one, and the fallback if the configuration has one.</summary>
public sealed class PaymentProviders(IHttpClientFactory clients, OutgoingCalls calls, IConfiguration configuration)
{
    public const string Primary = "primary";
    public const string Fallback = "fallback";

    public bool HasFallback => configuration["Payouts:FallbackUrl"] is { Length: > 0 };

    /// <summary>Whom to ask first: the fallback only while calls of the primary are known not to be sent.</summary>
    public string First => HasFallback && calls.IsOpen(ClientOf(Primary)) ? Fallback : Primary;

    public PaymentProvider Of(string provider) => new(clients.CreateClient(ClientOf(provider)), clients.CreateClient(VoidsOf(provider)));

    public static void Add(IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton<PaymentProviders>();
        foreach (var (provider, url) in new[] { (Primary, configuration["Payouts:PrimaryUrl"]
            ?? "http://localhost:5090"), (Fallback, configuration["Payouts:FallbackUrl"]) })
        {
            if (string.IsNullOrEmpty(url)) continue;
            foreach (var client in new[] { ClientOf(provider), VoidsOf(provider) })
            {
                services.AddHttpClient(client, http => http.BaseAddress = new Uri(url)).AddResilience(calls =>
                {
                    // Trying again is the queue's: its pauses keep no slot, and survive a restart.
                    calls.Attempts = 1;
                    calls.AttemptTimeout = calls.TotalTimeout = configuration.GetValue("Payouts:Timeout", TimeSpan.FromSeconds(5));
                });
            }
        }
    }

    private static string ClientOf(string provider) => $"payouts-{provider}";

    private static string VoidsOf(string provider) => $"payouts-{provider}-void";
}
