using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Shouldly;

namespace Surety.AspNetCore.Tests;

public class UnitOfWorkTests
{
    [Fact]
    public async Task A_command_has_an_open_unit_of_work_whether_it_or_its_group_is_marked()
    {
        var folder = Directory.CreateTempSubdirectory("surety-edge-").FullName;
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production", ContentRootPath = folder });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddSurety(surety => surety.UseSqlite($"Data Source={Path.Combine(folder, "edge.db")}"));
        builder.Services.AddSuretyEdge();
        await using (var app = builder.Build())
        {
            app.MapPost("/own", (UnitOfWork work) => work.Connection.Database).RequireIdempotencyKey().AllowAnonymous();
            var group = app.MapGroup("/group").AcceptIdempotencyKey().AllowAnonymous();
            group.MapPost("/inherited", (UnitOfWork work) => work.Connection.Database);
            group.MapPost("/own", (UnitOfWork work) => work.Connection.Database).RequireIdempotencyKey();
            await app.StartAsync();

            using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
            (await StatusAsync(client, "/own", "k1")).ShouldBe(HttpStatusCode.OK);
            (await StatusAsync(client, "/group/inherited", null)).ShouldBe(HttpStatusCode.OK);
            (await StatusAsync(client, "/group/own", "k2")).ShouldBe(HttpStatusCode.OK);
            (await StatusAsync(client, "/group/own", null)).ShouldBe(HttpStatusCode.BadRequest);
            await app.StopAsync();
        }

        Directory.Delete(folder, recursive: true);
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path, string? key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        using var response = await client.SendAsync(request);
        return response.StatusCode;
    }
}
