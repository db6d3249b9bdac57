using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;
using Surety;

namespace Payments;

/// <summary>What somebody who has just started the backend wants to know.</summary>
internal static class Greeting
{
    public static void Print(WebApplication app)
    {
        var url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Console.WriteLine(
            $"Payments listens on {url}, keeps its books in {app.Services.GetRequiredService<BookStore>().Place} and pays out through "
                + $"{app.Configuration["Payouts:PrimaryUrl"]}.");
        if (app.Services.GetRequiredService<IOptions<EdgeOptions>>().Value.DevelopmentKey is not { } key)
        {
            Console.WriteLine(
                "Every request needs an API key. Make the first operator's with: "
                    + "dotnet run --project samples/Payments -- keys create NAME");
            return;
        }

        Console.WriteLine(
            $"The API key is \"{key}\": a DEVELOPMENT key that anybody can guess, and that does not exist outside Development. Try:");
        Console.WriteLine(
            $"  curl -s {url}/accounts -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d "
                + $"'{{\"owner\":\"Ada\",\"currency\":\"EUR\"}}'");
        Console.WriteLine(
            $"  curl -s {url}/deposits -H 'Authorization: Bearer {key}' -H 'Idempotency-Key: first' -H 'Content-Type: application/json' -d "
                + $"'{{\"account\":\"1\",\"amount\":\"1250\",\"reference\":\"hello\"}}'");
    }
}
