using System.Net;
using System.Net.Http.Headers;
using Surety;

namespace Payments;

/// <summary>The company that moves money to other banks (<c>samples/Provider</c> plays it). Anything but a clear answer throws, and the message is tried again.</summary>
public sealed class PaymentProvider(HttpClient http)
{
    public async Task<ProviderAnswer> PayAsync(Payout payout, CancellationToken cancel)
    {
        using var request = Request(HttpMethod.Post, "/payments", payout.ProviderKey);
        request.Content = JsonContent.Create(new { amount = Ids.Text(payout.Amount), payout.Currency, payout.Destination });
        using var response = await http.SendAsync(request, cancel);
        if (response.IsSuccessStatusCode) return new ProviderAnswer(await ReferenceAsync(response, cancel), null);
        if (response.StatusCode is HttpStatusCode.UnprocessableEntity or HttpStatusCode.Conflict) return new ProviderAnswer(null, $"The provider refused: {await response.Content.ReadAsStringAsync(cancel)}");
        throw Later(response);
    }

    /// <summary>Makes sure that nothing will be paid under the payout's key. Returns the payment's reference when that is too late.</summary>
    public async Task<string?> VoidAsync(Payout payout, CancellationToken cancel)
    {
        using var request = Request(HttpMethod.Delete, $"/payments/{payout.ProviderKey}", payout.ProviderKey);
        using var response = await http.SendAsync(request, cancel);
        if (response.IsSuccessStatusCode) return null;
        if (response.StatusCode == HttpStatusCode.Conflict) return await ReferenceAsync(response, cancel);
        throw Later(response);
    }

    private static HttpRequestMessage Request(HttpMethod method, string path, string key) => new(method, path) { Headers = { { "Idempotency-Key", key } } };

    private static async Task<string> ReferenceAsync(HttpResponseMessage response, CancellationToken cancel) =>
        (await response.Content.ReadFromJsonAsync<PaymentBody>(cancel))?.Id ?? throw new RetryException("The provider's answer has no payment id.");

    private static RetryException Later(HttpResponseMessage response) => new($"The provider answered {(int)response.StatusCode}.", After(response.Headers.RetryAfter));

    private static TimeSpan? After(RetryConditionHeaderValue? header) => header?.Delta;

    private sealed record PaymentBody(string Id);
}

/// <summary>The payment's reference, or why the provider will never make it.</summary>
public readonly record struct ProviderAnswer(string? Reference, string? Refused);
