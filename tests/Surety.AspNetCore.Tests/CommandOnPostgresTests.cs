namespace Surety.AspNetCore.Tests;

/// <summary>What is different about a command on PostgreSQL.</summary>
public sealed class CommandOnPostgresTests
{
    [Theory]
    [InlineData("/keyed")]
    [InlineData("/optional")]
    public async Task A_command_has_its_time_limit_on_the_server_too(string path)
    {
        await using var place = await PostgresEdge.OpenAsync();
        await using var app = await EdgeApp.StartAsync(
            app =>
            {
                app.MapPost("/keyed", LimitsAsync).RequireIdempotencyKey();
                app.MapPost("/optional", LimitsAsync).AcceptIdempotencyKey();
            },
            edge => edge.CommandTimeout = TimeSpan.FromSeconds(9), place: place);
        (await app.Alice.PostAsync(path, "{}", path == "/keyed" ? [("Idempotency-Key", "limited")] : []))
            .ShouldBe(200).Text.ShouldContain("14s 14s");
    }

    private static async Task<string> LimitsAsync(UnitOfWork work)
    {
        await using var command = work.Connection.CreateCommand();
        (command.Transaction, command.CommandText) = (
            work.Transaction, "SELECT current_setting('idle_in_transaction_session_timeout') || ' ' || current_setting('lock_timeout')");
        return (string)(await command.ExecuteScalarAsync())!;
    }
}
