using Microsoft.Data.Sqlite;

namespace Surety.AspNetCore.Tests;

public class CleanStopTests
{
    [Fact]
    public async Task A_host_that_is_stopped_while_clients_send_has_all_it_accepted_in_the_file_alone()
    {
        var folder = Directory.CreateTempSubdirectory("surety-edge-").FullName;
        var accepted = 0;
        var loaded = new TaskCompletionSource();
        Task[] clients;
        await using (var app = EdgeApp.Build(new Deposits().Map, folder: folder))
        {
            await app.StartAsync();
            clients = [.. Enumerable.Range(0, 4).Select(i => Task.Run(async () =>
            {
                for (var n = 0; ; n++)
                {
                    try
                    {
                        if ((await app.Alice.DepositAsync($"{i}-{n}")).Status != 201) continue;
                    }
                    catch (Exception e) when (e is HttpRequestException or ObjectDisposedException or TaskCanceledException
                        or InvalidOperationException)
                    {
                        // The host has gone, and the test's client with it.
                        return;
                    }

                    if (Interlocked.Increment(ref accepted) == 100) loaded.SetResult();
                }
            }))];
            await loaded.Task.WaitAsync(TimeSpan.FromSeconds(20));
            await app.Host.StopAsync();
        }

        await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(20));
        File.Exists(Path.Combine(folder, "edge.db-wal")).ShouldBeFalse();
        var copy = Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "copy")).FullName, "copy.db");
        File.Copy(Path.Combine(folder, "edge.db"), copy);
        await using (var connection = new SqliteConnection($"Data Source={copy};Pooling=false"))
        {
            await connection.OpenAsync();
            foreach (var table in new[] { "deposit", "surety_idempotency", "surety_message" })
            {
                await using var command = connection.CreateCommand();
                command.CommandText = $"SELECT count(*) FROM {table}";
                // An answer may have been lost with its connection, so there may be more than a client heard of.
                Convert.ToInt32(await command.ExecuteScalarAsync(), System.Globalization.CultureInfo.InvariantCulture)
                    .ShouldBeGreaterThanOrEqualTo(accepted, table);
            }
        }

        Directory.Delete(folder, recursive: true);
    }
}
