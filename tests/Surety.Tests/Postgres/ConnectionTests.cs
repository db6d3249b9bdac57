using Npgsql;
using Shouldly;
using Surety.Postgres.Connections;

namespace Surety.Tests.Postgres;

/// <summary>What holds for every connection, whatever the connection string leaves unsaid.</summary>
public sealed class ConnectionTests
{
    [Fact]
    public async Task Statements_that_come_again_are_prepared_and_the_server_sees_who_asks()
    {
        await using var connections = await OpenAsync("");
        await using var connection = await RepeatAsync(connections);
        (await ScalarAsync(connection, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%asked again%'")).ShouldBe(1L);
        (await ScalarAsync(connection, "SHOW application_name")).ShouldBe("surety");
        connections.ArePooled.ShouldBeFalse();
    }

    [Fact]
    public async Task What_the_connection_string_says_is_left_alone_except_what_would_lie_about_commits()
    {
        await using var connections = await OpenAsync(";MaxAutoPrepare=0;ApplicationName=payments;Cancellation Timeout=500");
        await using var connection = await RepeatAsync(connections);
        (await ScalarAsync(connection, "SELECT count(*) FROM pg_prepared_statements")).ShouldBe(0L);
        (await ScalarAsync(connection, "SHOW application_name")).ShouldBe("payments");
        new NpgsqlConnectionStringBuilder(connection.ConnectionString).CancellationTimeout.ShouldBe(-1);
    }

    [Fact]
    public async Task A_server_is_reached_through_its_socket()
    {
        var server = await PostgresServer.SharedAsync();
        await using var connections = new PostgresConnections(
            $"Host={server.SocketFolder};Port={server.Port};Username=surety;Database=postgres");
        await using var connection = await connections.OpenAsync(default);
        (await ScalarAsync(connection, "SELECT inet_server_addr() IS NULL")).ShouldBe(true);
    }

    [Theory]
    [InlineData("", true, 30, 5)]
    [InlineData(";Tcp Keepalive=false", false, 0, 0)]
    [InlineData(";Tcp Keepalive Time=7", false, 7, 0)]
    public async Task A_peer_that_is_gone_is_noticed_by_connections_on_which_nothing_is_sent_unless_the_connection_string_says_how(
        string more, bool on, int time, int interval)
    {
        await using var connections = await OpenAsync(more);
        var settings = new NpgsqlConnectionStringBuilder(connections.Source.ConnectionString);
        (settings.TcpKeepAlive, settings.TcpKeepAliveTime, settings.TcpKeepAliveInterval).ShouldBe((on, time, interval));
    }

    private static async Task<PostgresConnections> OpenAsync(string more)
    {
        var connections = new PostgresConnections((await PostgresServer.SharedAsync()).ConnectionString + more);
        await connections.FindPoolerAsync(default);
        return connections;
    }

    private static async Task<NpgsqlConnection> RepeatAsync(PostgresConnections connections)
    {
        var connection = await connections.OpenAsync(default);
        for (var i = 0; i < 10; i++) await ScalarAsync(connection, "SELECT 'asked again'");
        return connection;
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
