using System.Data.Common;
using Shouldly;
using Surety.Tests.Processing;

namespace Surety.Tests.Sqlite;

/// <summary>Statements stay prepared from one unit of work to the next. Nobody may notice but by the clock.</summary>
public sealed class KeptCommandTests : IAsyncLifetime
{
    private WorkingHost host = null!;

    public async ValueTask InitializeAsync()
    {
        host = await WorkingHost.StartAsync(s => s.Configure(o => o.Work = false));
        await host.ExecuteAsync("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)");
    }

    public ValueTask DisposeAsync() => host.DisposeAsync();

    [Fact]
    public async Task The_same_text_stores_the_values_of_each_unit_of_work()
    {
        foreach (var text in (string[])["one", "two", "three"])
        {
            await using var work = await host.Database.BeginAsync();
            (await InsertAsync(work, text)).ShouldBe(1);
            await work.CommitAsync();
        }

        (await AllAsync()).ShouldBe(["one", "two", "three"]);
    }

    [Fact]
    public async Task A_parameter_that_is_missing_the_second_time_is_an_error_and_not_the_first_ones_value()
    {
        await using (var work = await host.Database.BeginAsync())
        {
            await InsertAsync(work, "first");
            await work.CommitAsync();
        }

        await using (var work = await host.Database.BeginAsync())
        {
            await using var command = Command(work, Insert);
            Should.Throw<InvalidOperationException>(() => command.ExecuteNonQuery()).Message.ShouldContain("@text");
            (await InsertAsync(work, "second")).ShouldBe(1);
            await work.CommitAsync();
        }

        (await AllAsync()).ShouldBe(["first", "second"]);
    }

    [Fact]
    public async Task Two_readers_of_one_text_read_side_by_side()
    {
        await using var work = await host.Database.BeginAsync();
        foreach (var text in (string[])["a", "b"]) await InsertAsync(work, text);
        await using var outer = Command(work, All);
        await using var inner = Command(work, All);
        using var first = outer.ExecuteReader();
        first.Read().ShouldBeTrue();
        using var second = inner.ExecuteReader();
        second.Read().ShouldBeTrue();
        second.Read().ShouldBeTrue();
        first.Read().ShouldBeTrue();
        (first.GetString(0), second.GetString(0)).ShouldBe(("b", "b"));
    }

    [Fact]
    public async Task A_command_with_an_open_reader_is_not_run_again()
    {
        await using var work = await host.Database.BeginAsync();
        await InsertAsync(work, "a");
        await using var command = Command(work, All);
        using (command.ExecuteReader())
            Should.Throw<InvalidOperationException>(() => command.ExecuteReader()).Message.ShouldContain("open reader");
        using var again = command.ExecuteReader();
        again.Read().ShouldBeTrue();
    }

    [Fact]
    public async Task A_statement_that_failed_works_once_its_reason_is_gone()
    {
        await using var work = await host.Database.BeginAsync();
        await using (var command = Command(work, "INSERT INTO later (id) VALUES (1)")) Should.Throw<DbException>(
            () => command.ExecuteNonQuery());
        await using (var create = Command(work, "CREATE TABLE later (id INTEGER PRIMARY KEY)")) create.ExecuteNonQuery();
        await using (var command = Command(work, "INSERT INTO later (id) VALUES (1)")) command.ExecuteNonQuery().ShouldBe(1);
        await using (var command = Command(work, "INSERT INTO later (id) VALUES (1)")) Should.Throw<DbException>(
            () => command.ExecuteNonQuery());
        await work.CommitAsync();
        (await host.ScalarAsync("SELECT count(*) FROM later")).ShouldBe(1);
    }

    [Fact]
    public async Task A_kept_statement_sees_the_table_as_it_is_now()
    {
        async Task<int> ColumnsAsync()
        {
            await using var work = await host.Database.BeginAsync();
            await using var command = Command(work, "SELECT * FROM note");
            await using var reader = await command.ExecuteReaderAsync();
            return reader.FieldCount;
        }

        (await ColumnsAsync()).ShouldBe(2);
        await host.ExecuteAsync("ALTER TABLE note ADD COLUMN more INTEGER");
        (await ColumnsAsync()).ShouldBe(3);
        await host.ExecuteAsync("DROP TABLE note; CREATE TABLE note (id INTEGER PRIMARY KEY)");
        (await ColumnsAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task More_texts_than_are_kept_all_work_and_work_again()
    {
        for (var round = 0; round < 2; round++)
        {
            await using var work = await host.Database.BeginAsync();
            for (var i = 0; i < 600; i++)
            {
                await using var command = Command(work, $"SELECT {i}");
                Convert.ToInt32(command.ExecuteScalar()).ShouldBe(i);
            }
        }
    }

    [Fact]
    public async Task Large_values_are_stored_whole_again_and_again()
    {
        for (var i = 1; i <= 3; i++)
        {
            await using var work = await host.Database.BeginAsync();
            (await InsertAsync(work, new string('x', i * 100_000))).ShouldBe(1);
            await work.CommitAsync();
        }

        (await AllAsync()).Select(t => t.Length).ShouldBe([100_000, 200_000, 300_000]);
    }

    [Fact]
    public async Task A_reader_left_open_before_a_COMMIT_in_its_text_does_not_end_the_groups_transaction()
    {
        var work = await host.Database.BeginAsync();
        await InsertAsync(work, "never");
        var command = Command(work, "SELECT 1; COMMIT");
        command.ExecuteReader().Read().ShouldBeTrue();
        await work.RollbackAsync();

        (await AllAsync()).ShouldBeEmpty();
        await host.ExecuteAsync("INSERT INTO note (text) VALUES ('next')");
        (await AllAsync()).ShouldBe(["next"]);
    }

    private const string Insert = "INSERT INTO note (text) VALUES (@text)";
    private const string All = "SELECT text FROM note ORDER BY id";

    private static DbCommand Command(UnitOfWork work, string text)
    {
        var command = work.Connection.CreateCommand();
        (command.Transaction, command.CommandText) = (work.Transaction, text);
        return command;
    }

    private static async Task<int> InsertAsync(UnitOfWork work, string text)
    {
        await using var command = Command(work, Insert);
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = ("@text", text);
        command.Parameters.Add(parameter);
        return await command.ExecuteNonQueryAsync();
    }

    private async Task<List<string>> AllAsync()
    {
        await using var connection = await host.Database.OpenReadAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = All;
        await using var reader = await command.ExecuteReaderAsync();
        var all = new List<string>();
        while (await reader.ReadAsync()) all.Add(reader.GetString(0));
        return all;
    }
}
