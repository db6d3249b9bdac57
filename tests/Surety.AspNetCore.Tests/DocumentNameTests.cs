using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.OpenApi;

namespace Surety.AspNetCore.Tests
{
    /// <summary>What the OpenAPI document calls things, and where it says that they are.</summary>
    public sealed class DocumentNameTests
    {
        [Fact]
        public async Task Two_types_of_one_name_have_two_schemas()
        {
            await using var app = await EdgeApp.StartAsync(
                host =>
                {
                    host.MapPost("/a", (Garden.Item item) => TypedResults.Ok(item));
                    host.MapPost("/b", (Kitchen.Item item) => TypedResults.Ok(item));
                    host.MapPost("/c", (Shed.Item? item) => TypedResults.Ok(item));
                    host.MapGet("/d", () => new List<Kitchen.Item>());
                },
                configure: b => b.Services.AddSuretyOpenApi());
            var document = (await app.Client().FetchAsync("/openapi/v1.json")).ShouldBe(200).Json;
            MembersOf(document, "/a").ShouldBe(["tree"]);
            MembersOf(document, "/b").ShouldBe(["pan"]);
            MembersOf(document, "/c").ShouldBe(["rake"]);
            document.GetProperty("components").GetProperty("schemas").EnumerateObject().Select(s => s.Name)
                .Where(name => name.EndsWith("Item", StringComparison.Ordinal)).ShouldBe(["Item", "KitchenItem", "ShedItem"]);
        }

        [Fact]
        public async Task The_server_is_the_base_that_the_document_is_asked_under()
        {
            await using var app = await EdgeApp.StartAsync(
                UseBase, configure: b => b.Services.AddSuretyOpenApi());
            ServerOf(await app.Client().FetchAsync("/api/openapi/v1.json")).ShouldBe("/api");
            ServerOf(await app.Client().FetchAsync("/openapi/v1.json")).ShouldBe("/");
            ServerOf(await app.Client().FetchAsync("/api/openapi/v1.json")).ShouldBe("/api");
        }

        [Fact]
        public async Task The_servers_that_the_application_names_stay()
        {
            await using var app = await EdgeApp.StartAsync(
                UseBase,
                configure: b => b.Services.AddSuretyOpenApi(
                    document => document.Servers = [new OpenApiServer { Url = "https://shop.example" }]));
            ServerOf(await app.Client().FetchAsync("/api/openapi/v1.json")).ShouldBe("https://shop.example");
        }

        private static void UseBase(WebApplication host)
        {
            host.UsePathBase("/api");
            host.UseRouting();
            host.UseAuthentication();
            host.UseAuthorization();
        }

        private static string? ServerOf(Answer answer) =>
            answer.ShouldBe(200).Json.GetProperty("servers")[0].GetProperty("url").GetString();

        private static string[] MembersOf(JsonElement document, string path)
        {
            var schema = document.GetProperty("paths").GetProperty(path).GetProperty("post").GetProperty("requestBody")
                .GetProperty("content").GetProperty("application/json").GetProperty("schema");
            if (schema.TryGetProperty("oneOf", out var either))
                schema = either.EnumerateArray().Single(s => s.TryGetProperty("$ref", out _));
            var name = schema.GetProperty("$ref").GetString()!.Split('/')[^1];
            return [.. document.GetProperty("components").GetProperty("schemas").GetProperty(name).GetProperty("properties")
                .EnumerateObject().Select(p => p.Name)];
        }

        private static class Kitchen
        {
            internal sealed record Item(int Pan);
        }

        private static class Shed
        {
            internal sealed record Item(int Rake);
        }
    }
}

namespace Surety.AspNetCore.Tests.Garden
{
    internal sealed record Item(int Tree);
}
