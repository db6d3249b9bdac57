using Shouldly;

namespace Surety.Tests.Sqlite;

public sealed class UniqueKeyPruneTests : IAsyncLifetime
{
    private readonly DatabaseFile file = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await file.DisposeAsync();

    [Fact]
    public async Task One_prune_takes_every_unique_key_whose_window_is_over_and_no_other()
    {
        var store = await file.OpenAsync();
        await store.Messages.EnqueueAsync(
            [.. Enumerable.Range(0, 11).Select(i => DatabaseFile.Message() with
            {
                UniqueKey = $"key-{i}", UniqueFor = i < 10 ? TimeSpan.FromMinutes(1) : TimeSpan.FromHours(1),
            })],
            null, default);
        file.Clock.Advance(TimeSpan.FromMinutes(1));
        // No message goes, so nobody would ask again.
        (await store.Messages.PruneAsync(2, default)).ShouldBe(0);
        using var connection = file.Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(*) FROM surety_unique";
        command.ExecuteScalar().ShouldBe(1L);
    }
}
