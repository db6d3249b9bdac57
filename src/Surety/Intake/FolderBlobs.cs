using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Surety.Storage;

namespace Surety.Intake;

/// <summary>
/// Segments as files: an upload has a folder, named after it, and a segment is a file in it, named after its number. Both bytes and names
/// are synced to the disk before anybody is told of them. A file is never renamed, and never shortened below what its upload's row says of
/// it.
/// </summary>
internal sealed class FolderBlobs(string folder) : IBlobStore
{
    private const string Parts = ".parts";

    /// <summary>A file of before there were segments: the ending of one that is not whole.</summary>
    private const string OldPart = ".part";

    private const FileShare Shared = FileShare.ReadWrite | FileShare.Delete;

    private string home = "";

    public string Place => $"the folder {Path.GetFileName(Path.TrimEndingDirectorySeparator(folder))}";

    public long MaxBytes => long.MaxValue;

    public ValueTask OpenAsync(string storeId, CancellationToken cancellationToken) => Try("cannot be used", () =>
    {
        var path = Path.Combine(Path.GetFullPath(folder), storeId);
        Directory.CreateDirectory(path);
        SyncFolder(Path.GetDirectoryName(path)!);
        // A name of its own: nodes that share the folder may start at the same moment. No upload's id has a dot.
        var probe = Path.Combine(path, $".probe-{Path.GetRandomFileName()}");
        using (new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose))
        {
        }

        home = path;
        return true;
    });

    public ValueTask<BlobWriter> AppendAsync(
        BlobSegment segment, CancellationToken cancellationToken) => Try<BlobWriter>("takes no upload", () =>
    {
        var path = FileOf(segment);
        var isNew = segment.Length == 0;
        if (isNew) Directory.CreateDirectory(FolderOf(segment.Id));
        // Not locked: a frozen process would keep the lock, and with it everybody from reading. By its number, a segment has one writer.
        var file = File.OpenHandle(path, isNew ? FileMode.CreateNew : FileMode.Open, FileAccess.Write, Shared, FileOptions.Asynchronous);
        try
        {
            ThrowIfShort(segment, RandomAccess.GetLength(file));
            return new Writer(file, segment.Length, isNew ? [Path.GetDirectoryName(path)!, home] : []);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    });

    public ValueTask<Stream> ReadAsync(
        BlobSegment segment, long from, CancellationToken cancellationToken) => Try<Stream>("cannot be read", () =>
    {
        var path = FileOf(segment);
        if (!File.Exists(path))
            throw new StoreException(
                $"The content of upload {segment.Id} is missing from {Place}. Was the folder replaced, or is another node's not shared?");
        var stream = new FileStream(
            path, FileMode.Open, FileAccess.Read, Shared, 1 << 16, FileOptions.Asynchronous | FileOptions.SequentialScan);
        try
        {
            ThrowIfShort(segment, stream.Length);
            stream.Position = from;
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    });

    public ValueTask TidyAsync(
        string id, IReadOnlyList<BlobSegment> counting, long below,
        CancellationToken cancellationToken) => Try("cannot delete a file", () =>
    {
        var parts = new DirectoryInfo(FolderOf(id));
        if (!parts.Exists) return true;
        foreach (var file in parts.EnumerateFiles())
        {
            if (!long.TryParse(file.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number >= below) continue;
            var length = counting.FirstOrDefault(s => s.Number == number).Length;
            if (length == 0) file.Delete();
            else if (file.Length > length)
            {
                // Its writer may still hold it open. Every writer from this number on has a file of its own, so this one's length is
                // settled for ever, and what is beyond it never counts.
                using var opened = File.OpenHandle(file.FullName, FileMode.Open, FileAccess.Write, Shared);
                RandomAccess.SetLength(opened, length);
            }
        }

        return true;
    });

    public ValueTask DeleteAsync(string id, CancellationToken cancellationToken) => Try("cannot delete a file", () =>
    {
        var parts = FolderOf(id);
        try
        {
            Directory.Delete(parts, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Deleted before, by this node or another, or never made.
        }

        File.Delete(Path.Combine(home, id));
        File.Delete(Path.Combine(home, id + OldPart));
        return true;
    });

    public async IAsyncEnumerable<(string Id, DateTimeOffset ChangedAt)> ListAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var entry in new DirectoryInfo(home).EnumerateFileSystemInfos())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var id = entry.Extension is Parts or OldPart ? Path.GetFileNameWithoutExtension(entry.Name) : entry.Name;
            if (IsId(id)) yield return (id, new DateTimeOffset(entry.LastWriteTimeUtc));
        }

        await Task.CompletedTask;
    }

    // Ids are ours; a name that is none must not reach the file system.
    private string FolderOf(string id) =>
        IsId(id) ? Path.Combine(home, id + Parts) : throw new ArgumentException("That is not an upload's id.", nameof(id));

    private string FileOf(BlobSegment segment)
    {
        var parts = FolderOf(segment.Id);
        if (segment.Number > 0) return Path.Combine(parts, segment.Number.ToString(CultureInfo.InvariantCulture));
        var whole = Path.Combine(home, segment.Id);
        return File.Exists(whole) ? whole : whole + OldPart;
    }

    private static void ThrowIfShort(BlobSegment segment, long length)
    {
        if (length < segment.Length)
            throw new StoreException(
                $"A file of upload {segment.Id} has {length} bytes, but {segment.Length} were acknowledged: it was changed by "
                    + "hand, or its disk "
                + "lost them. The upload cannot go on.");
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
            new(
                $"{what}: {Cause.Message}",
                Cause is FileNotFoundException ? FailureKind.Mistake : FailureKind.Unavailable,
                innerException: Cause);
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

    /// <param name="file">Open.</param>
    /// <param name="offset">Where it begins.</param>
    /// <param name="names">The folders whose names have to be durable, too.</param>
    private sealed class Writer(SafeFileHandle file, long offset, IReadOnlyList<string> names) : BlobWriter
    {
        private IReadOnlyList<string> unsynced = names;
        private long end = offset;
        private long synced = offset;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            try
            {
                await RandomAccess.WriteAsync(file, bytes, end, cancellationToken);
            }
            catch (Exception e) when (Trouble(e) is { } trouble)
            {
                throw trouble.Of("The folder of uploads does not take a write");
            }

            end += bytes.Length;
        }

        public override ValueTask<long> CheckpointAsync(CancellationToken cancellationToken)
        {
            try
            {
                if (synced != end) RandomAccess.FlushToDisk(file);
                synced = end;
                foreach (var name in unsynced) SyncFolder(name);
                unsynced = [];
                return new(end);
            }
            catch (Exception e) when (Trouble(e) is { } trouble)
            {
                // What a failed sync left behind is not known: the next request begins where the last good one ended.
                throw trouble.Of("The folder of uploads cannot be synced");
            }
        }

        public override async ValueTask<long> CloseAsync(CancellationToken cancellationToken)
        {
            var length = await CheckpointAsync(cancellationToken);
            await DisposeAsync();
            return length;
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
