using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Surety.Storage;

namespace Surety.Intake;

/// <summary>
/// Blobs as files of a local folder, in a folder of the store's own. A file has the ending <c>.part</c> until it is whole; both its bytes and its name are synced to the disk before anybody is
/// told of them.
/// </summary>
internal sealed class FolderBlobs(string folder) : IBlobStore
{
    private const string Part = ".part";
    private string home = "";

    public string Place => $"the folder {Path.GetFileName(Path.TrimEndingDirectorySeparator(folder))}";

    public long MaxBytes => long.MaxValue;

    public ValueTask OpenAsync(string storeId, CancellationToken cancel) => Try("cannot be used", () =>
    {
        var path = Path.Combine(Path.GetFullPath(folder), storeId);
        Directory.CreateDirectory(path);
        SyncFolder(Path.GetDirectoryName(path)!);
        // A name of its own: nodes that share the folder may start at the same moment. No upload's id has a dot.
        using (new FileStream(Path.Combine(path, $".probe-{Path.GetRandomFileName()}"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose))
        {
        }

        home = path;
        return true;
    });

    // The file is made with its first bytes.
    public ValueTask<string?> CreateAsync(string id, CancellationToken cancel) => new((string?)null);

    public ValueTask<BlobWriter> AppendAsync(BlobName blob, long offset, CancellationToken cancel) => Try<BlobWriter>("does not take an upload", () =>
    {
        var (whole, part) = Paths(blob.Id);
        // A completion that was interrupted before anybody heard of it.
        if (File.Exists(whole)) File.Move(whole, part, overwrite: true);
        // FileShare.None is a lock between processes, too.
        var file = File.OpenHandle(part, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, FileOptions.Asynchronous);
        try
        {
            var length = RandomAccess.GetLength(file);
            if (length < offset) throw new StoreException($"The file of an upload has {length} bytes, but {offset} were acknowledged: it was changed by hand, or its disk lost them. The upload cannot go on.");
            if (length > offset) RandomAccess.SetLength(file, offset);
            return new Writer(file, offset, home);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    });

    public async ValueTask CompleteAsync(BlobName blob, long length, CancellationToken cancel)
    {
        var (whole, part) = Paths(blob.Id);
        if (!File.Exists(whole))
        {
            await using (var writer = await AppendAsync(blob, length, cancel)) await writer.SyncAsync(cancel);
            await Try("cannot rename a file", () =>
            {
                File.Move(part, whole);
                return true;
            });
        }

        await Try("cannot be synced", () =>
        {
            SyncFolder(home);
            return true;
        });
    }

    public ValueTask<Stream> ReadAsync(string id, long from, CancellationToken cancel) => Try<Stream>("cannot be read", () =>
    {
        var (whole, _) = Paths(id);
        if (!File.Exists(whole)) throw new StoreException($"The content of upload {id} is missing from {Place}. Was the folder replaced, or is another node's folder not shared?");
        var stream = new FileStream(whole, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, FileOptions.Asynchronous | FileOptions.SequentialScan);
        stream.Position = from;
        return stream;
    });

    public async ValueTask DeleteAsync(BlobName blob, CancellationToken cancel) => await Try("cannot delete a file", () =>
    {
        var (whole, part) = Paths(blob.Id);
        File.Delete(whole);
        File.Delete(part);
        return true;
    });

    public async IAsyncEnumerable<(string Id, DateTimeOffset ChangedAt)> ListAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        foreach (var file in new DirectoryInfo(home).EnumerateFiles())
        {
            cancel.ThrowIfCancellationRequested();
            var id = file.Name.EndsWith(Part, StringComparison.Ordinal) ? file.Name[..^Part.Length] : file.Name;
            if (IsId(id)) yield return (id, new DateTimeOffset(file.LastWriteTimeUtc));
        }

        await Task.CompletedTask;
    }

    private (string Whole, string Part) Paths(string id)
    {
        // Ids are ours; a name that is none must not reach the file system.
        if (!IsId(id)) throw new ArgumentException("That is not an upload's id.", nameof(id));
        var whole = Path.Combine(home, id);
        return (whole, whole + Part);
    }

    private static bool IsId(string id) => id.Length is > 0 and <= 100 && id.All(char.IsAsciiHexDigitLower);

    private ValueTask<T> Try<T>(string what, Func<T> run)
    {
        try
        {
            return new(run());
        }
        catch (Exception e) when (Trouble(e) is { } trouble)
        {
            return ValueTask.FromException<T>(trouble.Of($"{Place} {what}"));
        }
    }

    private ValueTask Try(string what, Func<bool> run)
    {
        var done = Try<bool>(what, run);
        return done.IsCompletedSuccessfully ? default : new ValueTask(done.AsTask());
    }

    private static Fault? Trouble(Exception e) => e is IOException or UnauthorizedAccessException ? new Fault(e) : null;

    private readonly record struct Fault(Exception Cause)
    {
        // A file that is gone is one upload's; room, rights, the folder and the disk are everybody's.
        public StoreException Of(string what) =>
            new($"{what}: {Cause.Message}", Cause is FileNotFoundException ? FailureKind.Mistake : FailureKind.Unavailable, innerException: Cause);
    }

    /// <summary>Makes the names in a folder durable. Windows has no such call, and needs none: its file systems log names.</summary>
    private static void SyncFolder(string path)
    {
        if (OperatingSystem.IsWindows()) return;
        var folder = Native.Open(path, 0);
        if (folder < 0) throw new IOException($"The folder cannot be opened: error {Marshal.GetLastPInvokeError()}.");
        try
        {
            if (Native.FSync(folder) != 0) throw new IOException($"The folder cannot be synced: error {Marshal.GetLastPInvokeError()}.");
        }
        finally
        {
            _ = Native.Close(folder);
        }
    }

    private sealed class Writer(SafeFileHandle file, long offset, string home) : BlobWriter
    {
        private readonly bool isNew = offset == 0;
        private bool named;
        private long end = offset;
        private long synced = offset;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
        {
            try
            {
                await RandomAccess.WriteAsync(file, bytes, end, cancel);
            }
            catch (Exception e) when (Trouble(e) is { } trouble)
            {
                throw trouble.Of("The folder of uploads does not take a write");
            }

            end += bytes.Length;
        }

        public override ValueTask<long> CheckpointAsync(CancellationToken cancel) => SyncAsync(cancel);

        public override ValueTask<long> SyncAsync(CancellationToken cancel)
        {
            try
            {
                if (synced != end || !named) RandomAccess.FlushToDisk(file);
                synced = end;
                if (isNew && !named) SyncFolder(home);
                named = true;
                return new(end);
            }
            catch (Exception e) when (Trouble(e) is { } trouble)
            {
                // What a failed sync left behind is not known: the next request begins where the last good one ended.
                throw trouble.Of("The folder of uploads cannot be synced");
            }
        }

        public override ValueTask DisposeAsync()
        {
            file.Dispose();
            return default;
        }
    }

    private static class Native
    {
#pragma warning disable SYSLIB1054 // Generated marshalling would need unsafe code; these two have nothing to marshal but a path.
        [DllImport("libc", EntryPoint = "open", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

        [DllImport("libc", EntryPoint = "fsync", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int FSync(int file);

        [DllImport("libc", EntryPoint = "close"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Close(int file);
#pragma warning restore SYSLIB1054
    }
}
