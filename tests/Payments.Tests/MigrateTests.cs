using System.CommandLine;
using Microsoft.Data.Sqlite;
using Surety.Cli;
using Surety.Rigs;

namespace Payments.Tests;

/// <summary>The way up and down as people go it.</summary>
public sealed class MigrateTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("surety-migrate-").FullName;
    private PostgresServer? server;

    private string File => Path.Combine(folder, "test.db");

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (server is not null) await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_schema_goes_up_and_down_and_says_where_it_is(string store)
    {
        string[] where = ["--store", store, "--connection", await ConnectionStringAsync(store), "--schema", "order"];

        var nothing = await RunAsync(["status", .. where]);
        nothing.Code.ShouldBe(1);
        nothing.Output.ShouldStartWith("version 0, newest ");
        System.IO.File.Exists(File).ShouldBeFalse("to ask is not to make");

        (await RunAsync(["up", .. where])).Code.ShouldBe(0);
        (await RunAsync(["up", .. where])).Code.ShouldBe(0);
        (await RunAsync(["status", .. where])).Code.ShouldBe(0);

        var asked = await RunAsync(["down", "--to", "0", .. where]);
        asked.Code.ShouldBe(2);
        asked.Error.ShouldContain("DROP TABLE");
        (await RunAsync(["status", .. where])).Code.ShouldBe(0);

        var down = await RunAsync(["down", "--to", "0", "--yes", .. where]);
        (down.Code, down.Output).ShouldBe((0, $"version 0{Environment.NewLine}"), down.Error);
        (await RunAsync(["status", .. where])).Code.ShouldBe(1);
        (await RunAsync(["up", .. where])).Code.ShouldBe(0);
    }

    /// <summary>Somebody may copy the file next.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_migrated_is_in_the_file_alone_even_while_another_process_has_it_open(bool isOpenElsewhere)
    {
        string[] where = ["--store", "sqlite", "--connection", $"Data Source={File}"];
        await using var other = new SqliteConnection($"Data Source={File};Pooling=False");
        if (isOpenElsewhere)
        {
            await other.OpenAsync();
            await ScalarAsync(other, "SELECT count(*) FROM sqlite_master");
        }

        (await RunAsync(["up", .. where])).Code.ShouldBe(0);
        var log = new FileInfo(File + "-wal");
        (log.Exists ? log.Length : 0).ShouldBe(0);
        System.IO.File.Copy(File, File + "-copy");
        await using var copy = new SqliteConnection($"Data Source={File}-copy;Pooling=False");
        await copy.OpenAsync();
        (await ScalarAsync(copy, "SELECT count(*) FROM surety_meta")).ShouldBeGreaterThan(0);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_script_is_one_transaction_and_needs_no_database(string store)
    {
        var (code, output, _) = await RunAsync(["script", "--store", store, "--from", "0"]);
        code.ShouldBe(0);
        output.ShouldContain("BEGIN");
        output.ShouldContain("CREATE TABLE");
        output.TrimEnd().ShouldEndWith("COMMIT;");
        output.ShouldNotContain("$schema$");
    }

    [Theory]
    [InlineData("script --store postgres --from 0 --to 99", "versions are 0")]
    [InlineData("script --store postgres --from 0 --schema No-Name", "No-Name")]
    [InlineData("up --store sqlite --connection DataSource=:memory:", "not a plain file")]
    [InlineData("up --store postgres --connection Host=127.0.0.1;Port=1", "cannot be reached")]
    public async Task What_cannot_be_done_is_said(string line, string says)
    {
        var (code, output, error) = await RunAsync(line.Split(' '));
        (code, output).ShouldBe((2, ""));
        error.ShouldContain(says);
    }

    private static async Task<long> ScalarAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(string[] line)
    {
        var configuration = new InvocationConfiguration { Output = new StringWriter(), Error = new StringWriter() };
        var code = await MigrateCommand.Create().Parse(line).InvokeAsync(configuration);
        return (code, configuration.Output.ToString()!, configuration.Error.ToString()!);
    }

    private async Task<string> ConnectionStringAsync(string store)
    {
        if (store == RigOptions.Sqlite) return $"Data Source={File}";
        server = await PostgresServer.StartAsync(Path.Combine(folder, "server"), Ports.Free(), [], default);
        return server.ConnectionString;
    }
}
