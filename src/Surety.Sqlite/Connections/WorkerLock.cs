namespace Surety.Sqlite.Connections;

/// <summary>
/// The right to work on this file, for one process at a time: an operating system's lock on a file beside the database. The kernel releases
/// it when the process ends, however it ends, so the next one takes over at once.
/// </summary>
internal sealed class WorkerLock(string databasePath) : IDisposable
{
    private readonly Lock gate = new();
    private FileStream? held;

    /// <summary>Takes the lock; null when another process has it, otherwise whether it is newly taken.</summary>
    public bool? TryTake()
    {
        lock (gate)
        {
            if (held is not null) return false;
            try
            {
                held = new FileStream($"{databasePath}-worker", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
                return true;
            }
            catch (IOException)
            {
                return null;
            }
            catch (UnauthorizedAccessException e)
            {
                throw new StoreException(
                    $"The file {Path.GetFileName(databasePath)}-worker beside the database cannot be written. Give this process the right "
                        + "to write in the database's folder.",
                    innerException: e);
            }
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            held?.Dispose();
            held = null;
        }
    }
}
