using Microsoft.Extensions.Logging;
using Surety.Coordination;
using Surety.Intake;
using Surety.Storage;
using Surety.Telemetry;

namespace Surety.Operations;

/// <summary>
/// Deletes what nobody needs any more: uploads that were not finished in time, the content of those whose message has been handled, and
/// blobs that no upload knows of. Every node does it; each step is guarded by the row it starts from, and bytes are deleted only after the
/// row has ended: a writer of before finds that it is none any more, one that comes later finds an upload that has ended.
/// </summary>
internal sealed class UploadSweep(
    SuretyOptions options, IUploadStore store, IBlobStore blobs, IMessageReader messages, Supervisor supervisor, TimeProvider time, ILogger<UploadSweep> log) : IDisposable
{
    private const int BatchSize = 100;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan OrphansEvery = TimeSpan.FromHours(1);

    /// <summary>A blob is made after its row, so this is for clocks that disagree.</summary>
    private static readonly TimeSpan OrphanAge = TimeSpan.FromHours(1);

    private readonly CancellationTokenSource stopping = new();
    private Task work = Task.CompletedTask;

    public void Start() => work = supervisor.RunAsync("uploads", RunAsync, stopping.Token);

    public async Task StopAsync()
    {
        await stopping.CancelAsync();
        await work;
    }

    public void Dispose() => stopping.Dispose();

    private async Task RunAsync(Action turned, CancellationToken cancel)
    {
        long? lastOrphans = null;
        var troubled = false;
        while (true)
        {
            try
            {
                await SweepAsync(cancel);
                if (lastOrphans is null || time.GetElapsedTime(lastOrphans.Value) >= OrphansEvery)
                {
                    await DeleteOrphansAsync(cancel);
                    lastOrphans = time.GetTimestamp();
                }

                troubled = false;
            }
            catch (StoreException e)
            {
                // Deleting can wait: a blob store that is away must not make the host unfit for everything else.
                if (!troubled) Log.SweepFailed(log, e);
                troubled = true;
            }

            turned();
            await Task.Delay(Every, time, cancel);
        }
    }

    /// <summary>Looks at everything that is due.</summary>
    public async Task SweepAsync(CancellationToken cancel)
    {
        IReadOnlyList<UploadRecord> due;
        var deleted = 0;
        do
        {
            due = await store.DueAsync(BatchSize, cancel);
            foreach (var upload in due)
            {
                if (await LookAsync(upload, cancel)) deleted++;
            }
        }
        while (due.Count == BatchSize);
        if (deleted > 0) Log.UploadsSwept(log, deleted);
    }

    public async Task DeleteOrphansAsync(CancellationToken cancel)
    {
        await foreach (var (id, changedAt) in blobs.ListAsync(cancel))
        {
            if (changedAt > time.GetUtcNow() - OrphanAge || await store.ExistsAsync(id, cancel)) continue;
            await blobs.DeleteAsync(id, cancel);
            Log.OrphanDeleted(log, id[..Math.Min(8, id.Length)]);
        }
    }

    /// <summary>Whether content was deleted.</summary>
    private async Task<bool> LookAsync(UploadRecord upload, CancellationToken cancel)
    {
        switch (upload.State)
        {
            case UploadState.Complete when !await HasEndedAsync(upload, cancel):
                await store.LookAgainAsync(upload.Id, Every, cancel);
                return false;
            case UploadState.Complete when options.KeepUploads > TimeSpan.Zero:
                // Counted from here on, by the store's own time: the message's end and this node's clock may be of different clocks.
                await store.EndAsync(upload.Id, UploadState.Complete, UploadState.Handled, options.KeepUploads, cancel);
                return false;
            case UploadState.Complete or UploadState.Handled:
                return await EndAsync(upload.State, UploadState.Consumed);
            case UploadState.Expired when await EndAsync(UploadState.Open, UploadState.Expired):
                return true;
            case UploadState.Open:
                // Its time is not over after all: it was read by another clock.
                await store.LookAgainAsync(upload.Id, TimeSpan.FromMinutes(1), cancel);
                return false;
            default:
                // An open one whose time is over may have been completed since it was read, and then its content is a handler's. Only the
                // row's own word that it has ended, which is never taken back, lets anything be deleted.
                if (!await store.EndAsync(upload.Id, upload.State, upload.State, TimeSpan.Zero, cancel)) return false;
                // A crash may have left its content. Only then may its row go: without it nobody would look.
                await blobs.DeleteAsync(upload.Id, cancel);
                await store.RemoveAsync(upload.Id, cancel);
                return false;
        }

        async Task<bool> EndAsync(UploadState from, UploadState to)
        {
            if (!await store.EndAsync(upload.Id, from, to, Uploads.RememberEnded, cancel)) return false;
            await blobs.DeleteAsync(upload.Id, cancel);
            return true;
        }
    }

    /// <summary>Whether the upload's message has been handled or cancelled. A dead letter has not ended: it may be requeued.</summary>
    private async Task<bool> HasEndedAsync(UploadRecord upload, CancellationToken cancel) =>
        // A message that is not there any more ended, and its retention is over.
        await messages.FindAsync(upload.Message!.Value, cancel) is not { Status: not (MessageStatus.Succeeded or MessageStatus.Cancelled) };
}
