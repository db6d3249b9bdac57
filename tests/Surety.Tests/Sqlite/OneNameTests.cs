using System.Diagnostics;
using Microsoft.Data.Sqlite;
using Shouldly;
using Surety.Sqlite.Hosting;
using Surety.Storage;

namespace Surety.Tests.Sqlite;

/// <summary>Whatever name a file is opened by, it has one log and one worker; names that would give it two are refused.</summary>
public sealed class OneNameTests : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromHours(1);
    private readonly DatabaseFile file = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.SetData("DataDirectory", null);
        await file.DisposeAsync();
        if (Directory.Exists(Beside)) Directory.Delete(Beside, recursive: true);
    }

    private string Beside => $"{file.Folder}-links";

    /// <summary>Each of them works on its own if it takes the other for another file.</summary>
    [Theory]
    [InlineData("a link to the file")]
    [InlineData("a relative link to the file")]
    [InlineData("a link to its folder")]
    [InlineData("a link to a link")]
    [InlineData("up from a link to a folder")]
    [InlineData("dots and slashes")]
    [InlineData("a relative path")]
    [InlineData("in the data directory")]
    [InlineData("relative to the data directory")]
    public async Task By_whatever_path_a_file_is_opened_one_process_works(string path)
    {
        await using var one = await OpenAsync(file.Path);
        await using var other = await OpenAsync(Spelled(path));
        (await one.Nodes.JoinAsync("one", Lease, default)).ShouldNotBeNull();
        (await other.Nodes.JoinAsync("other", Lease, default)).ShouldBeNull();
        await DatabaseFile.EnqueueAsync(other);
        (await DatabaseFile.CountAsync(one)).ShouldBe(1);
        other.StoreId.ShouldBe(one.StoreId);
        Names(file.Folder).ShouldBe(["test.db", "test.db-shm", "test.db-wal", "test.db-worker"]);
    }

    [Fact]
    public async Task A_link_whose_file_is_not_there_yet_makes_the_file_where_it_leads()
    {
        var link = Link("new.db", Path.Combine(file.Folder, "test.db"));
        await using var other = await OpenAsync(link);
        await using var one = await OpenAsync(file.Path);
        (await other.Nodes.JoinAsync("other", Lease, default)).ShouldNotBeNull();
        (await one.Nodes.JoinAsync("one", Lease, default)).ShouldBeNull();
        Names(Path.GetDirectoryName(link)!).ShouldBe(["new.db"]);
    }

    [Fact]
    public async Task An_applications_transaction_on_the_file_by_another_name_is_one_on_this_file()
    {
        await using var store = await OpenAsync(file.Path);
        foreach (var path in new[] { Spelled("a link to the file"), Spelled("a link to its folder") })
        {
            await using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
            await connection.OpenAsync();
            await using var transaction = await connection.BeginTransactionAsync();
            await store.Messages.EnqueueAsync([DatabaseFile.Message()], transaction, default);
            await transaction.CommitAsync();
        }

        (await DatabaseFile.CountAsync(store)).ShouldBe(2);
    }

    [Fact]
    public void Links_that_lead_in_a_circle_are_refused()
    {
        var folder = Directory.CreateDirectory(Path.Combine(file.Folder, "links")).FullName;
        File.CreateSymbolicLink(Path.Combine(folder, "a"), "b");
        File.CreateSymbolicLink(Path.Combine(folder, "b"), "a");
        foreach (var path in new[] { "a", Path.Combine("a", "test.db") })
            Should.Throw<StoreException>(() => SqliteStore.Create(Path.Combine(folder, path), TimeProvider.System)).Message.ShouldContain(
                "in a circle");
    }

    [Fact]
    public async Task A_file_with_several_hard_links_is_refused_and_not_touched()
    {
        await (await OpenAsync(file.Path)).DisposeAsync();
        var second = Path.Combine(Directory.CreateDirectory(Path.Combine(file.Folder, "links")).FullName, "second.db");
        await RunAsync("ln", file.Path, second);
        var before = await File.ReadAllBytesAsync(file.Path);
        foreach (var path in new[] { file.Path, second, Link("symbolic.db", second) })
        {
            var refusal = await Should.ThrowAsync<StoreException>(() => OpenAsync(path));
            refusal.ShouldSatisfyAllConditions(r => r.IsTransient.ShouldBeFalse(),
                r => r.Message.ShouldContain("has 2 names (hard links)"), r => r.Message.ShouldContain("symbolic link"));
        }

        (await File.ReadAllBytesAsync(file.Path)).ShouldBe(before);
        File.Delete(second);
        await (await OpenAsync(file.Path)).DisposeAsync();
    }

    private static async Task<SqliteStore> OpenAsync(string path)
    {
        var store = SqliteStore.Create(path, TimeProvider.System);
        try
        {
            await store.OpenAsync(default);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    private string Spelled(string path) => path switch
    {
        "a link to the file" => Link("by-file.db", file.Path),
        "a relative link to the file" => Link("relative.db", Path.Combine("..", Path.GetFileName(file.Folder), "test.db")),
        "a link to its folder" => Path.Combine(Link("folder", file.Folder), "test.db"),
        "a link to a link" => Link("second", Link("first", file.Path)),
        // Where the link leads, up is the folder of the file; by the letters it would be the folder of the link.
        "up from a link to a folder" =>
            Path.Combine(Link("inner", Directory.CreateDirectory(Path.Combine(file.Folder, "inside")).FullName), "..", "test.db"),
        "dots and slashes" =>
            $"{Path.GetDirectoryName(file.Folder)}/./{Path.GetFileName(file.Folder)}//../{Path.GetFileName(file.Folder)}/test.db",
        "a relative path" => Path.GetRelativePath(Directory.GetCurrentDirectory(), file.Path),
        "in the data directory" => $"|DataDirectory|{InDataDirectory()}",
        "relative to the data directory" => InDataDirectory(),
        _ => throw new ArgumentOutOfRangeException(nameof(path), path, null),
    };

    /// <summary>The whole process's: nothing else in it uses a relative path.</summary>
    private string InDataDirectory()
    {
        AppDomain.CurrentDomain.SetData("DataDirectory", file.Folder);
        return "test.db";
    }

    /// <summary>In a folder beside the file's.</summary>
    private string Link(string name, string target) =>
        File.CreateSymbolicLink(Path.Combine(Directory.CreateDirectory(Beside).FullName, name), target).FullName;

    private static IEnumerable<string?> Names(string folder) =>
        Directory.EnumerateFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal);

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync().WaitAsync(DatabaseFile.Patience);
        process.ExitCode.ShouldBe(0);
    }
}
