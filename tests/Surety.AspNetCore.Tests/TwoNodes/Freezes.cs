using System.Collections.Concurrent;
using System.Data.Common;
using Surety.Storage;

namespace Surety.AspNetCore.Tests;

/// <summary>
/// Stops calls at named points, as a frozen process would, until so many others have passed a point. A call that nobody passes is let go
/// after a while, or all could wait for each other.
/// </summary>
internal sealed class Freezes(int seed, int percent)
{
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(400);

    private readonly Lock door = new();
    private readonly Random random = new(seed);
    private readonly PriorityQueue<TaskCompletionSource, long> frozen = new();
    private TaskCompletionSource moved = New();
    private long passed;

    /// <summary>How many were frozen where.</summary>
    public ConcurrentDictionary<string, int> Frozen { get; } = new();

    public async ValueTask PassAsync(string point)
    {
        TaskCompletionSource? gate = null;
        lock (door)
        {
            passed++;
            moved.TrySetResult();
            moved = New();
            while (frozen.TryPeek(out var due, out var until) && until <= passed)
            {
                frozen.Dequeue();
                due.TrySetResult();
            }

            if (random.Next(100) < percent) frozen.Enqueue(gate = New(), passed + random.Next(3, 150));
        }

        if (gate is null) return;
        Frozen.AddOrUpdate(point, 1, (_, n) => n + 1);
        await Task.WhenAny(gate.Task, Task.Delay(Longest));
    }

    /// <summary>Returns when something has passed a point, or when it seems that nothing does.</summary>
    public Task MovedAsync()
    {
        lock (door) return Task.WhenAny(moved.Task, Task.Delay(Longest));
    }

    public void Wrap(IServiceCollection services)
    {
        Replace<IUploadStore>(services, real => new FreezingUploads(real, this));
        Replace<IBlobStore>(services, real => new FreezingBlobs(real, this));
    }

    private static void Replace<T>(IServiceCollection services, Func<T, T> wrap) where T : class
    {
        var real = services.Last(s => s.ServiceType == typeof(T)).ImplementationFactory!;
        services.AddSingleton(provider => wrap((T)real(provider)));
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

internal sealed class FreezingUploads(IUploadStore real, Freezes freezes) : IUploadStore
{
    public ValueTask<UploadRecord?> AddAsync(NewUpload upload, TimeSpan expireAfter, int mostOpen, CancellationToken cancel) =>
        real.AddAsync(upload, expireAfter, mostOpen, cancel);

    public async ValueTask<UploadRecord?> FindAsync(string id, CancellationToken cancel)
    {
        var found = await real.FindAsync(id, cancel);
        await freezes.PassAsync("the row was read");
        return found;
    }

    public async ValueTask<UploadRecord?> TakeAsync(string id, string route, string owner, long offset, CancellationToken cancel)
    {
        var found = await real.TakeAsync(id, route, owner, offset, cancel);
        await freezes.PassAsync("the row was taken");
        return found;
    }

    public ValueTask<bool> ExistsAsync(string id, CancellationToken cancel) => real.ExistsAsync(id, cancel);

    public ValueTask<bool> SetLengthAsync(string id, long writer, long length, CancellationToken cancel) =>
        real.SetLengthAsync(id, writer, length, cancel);

    public async ValueTask<bool> AdvanceAsync(string id, UploadStep step, CancellationToken cancel)
    {
        await freezes.PassAsync("before the row moves on");
        var moved = await real.AdvanceAsync(id, step, cancel);
        await freezes.PassAsync("after the row has moved on");
        return moved;
    }

    public async ValueTask<bool> CompleteAsync(
        string id, ReadOnlyMemory<byte> sha256, MessageId message, DbTransaction transaction, CancellationToken cancel)
    {
        await freezes.PassAsync("before the upload is complete");
        return await real.CompleteAsync(id, sha256, message, transaction, cancel);
    }

    public async ValueTask<bool> EndAsync(string id, UploadState from, UploadState to, TimeSpan lookAfter, CancellationToken cancel)
    {
        var ended = await real.EndAsync(id, from, to, lookAfter, cancel);
        await freezes.PassAsync("after the upload has ended");
        return ended;
    }

    public ValueTask<IReadOnlyList<UploadRecord>> DueAsync(int limit, CancellationToken cancel) => real.DueAsync(limit, cancel);

    public ValueTask LookAgainAsync(string id, TimeSpan after, CancellationToken cancel) => real.LookAgainAsync(id, after, cancel);

    public ValueTask RemoveAsync(string id, CancellationToken cancel) => real.RemoveAsync(id, cancel);
}

internal sealed class FreezingBlobs(IBlobStore real, Freezes freezes) : IBlobStore
{
    public string Place => real.Place;

    public long MaxBytes => real.MaxBytes;

    public ValueTask OpenAsync(string storeId, CancellationToken cancellationToken) => real.OpenAsync(storeId, cancellationToken);

    public async ValueTask<BlobWriter> AppendAsync(BlobSegment segment, CancellationToken cancellationToken)
    {
        await freezes.PassAsync("before the file is opened");
        var writer = await real.AppendAsync(segment, cancellationToken);
        await freezes.PassAsync("after the file was opened");
        return new Writer(writer, freezes);
    }

    public async ValueTask<Stream> ReadAsync(BlobSegment segment, long from, CancellationToken cancellationToken)
    {
        await freezes.PassAsync("before the content is read");
        return await real.ReadAsync(segment, from, cancellationToken);
    }

    public async ValueTask TidyAsync(string id, IReadOnlyList<BlobSegment> counting, long below, CancellationToken cancellationToken)
    {
        await freezes.PassAsync("before it is tidied");
        await real.TidyAsync(id, counting, below, cancellationToken);
    }

    public async ValueTask DeleteAsync(string id, CancellationToken cancellationToken)
    {
        await freezes.PassAsync("before bytes are deleted");
        await real.DeleteAsync(id, cancellationToken);
    }

    public IAsyncEnumerable<(string Id, DateTimeOffset ChangedAt)> ListAsync(CancellationToken cancellationToken) =>
        real.ListAsync(cancellationToken);

    private sealed class Writer(BlobWriter real, Freezes freezes) : BlobWriter
    {
        public override string? Note => real.Note;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            await real.WriteAsync(bytes, cancellationToken);
            await freezes.PassAsync("after bytes were written");
        }

        public override ValueTask<long> CheckpointAsync(CancellationToken cancellationToken) => real.CheckpointAsync(cancellationToken);

        public override async ValueTask<long> CloseAsync(CancellationToken cancellationToken)
        {
            await freezes.PassAsync("before the file is closed");
            return await real.CloseAsync(cancellationToken);
        }

        public override ValueTask DisposeAsync() => real.DisposeAsync();
    }
}
