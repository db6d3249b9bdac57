using System.Runtime.InteropServices;

namespace Surety.Sqlite.Connections;

/// <summary>
/// One file, one name. SQLite keeps the log beside the name by which the database was opened, and the right to work is a lock beside it,
/// too: two names of one file would be two logs and two workers.
/// </summary>
internal static class FileLinks
{
    // As many as Linux follows in one path.
    private const int MostLinks = 40;

    /// <summary>
    /// The path without a symbolic link in it, be it of the file or of a folder. What does not exist yet stays as it is named.
    /// </summary>
    /// <exception cref="StoreException">The links lead in a circle, or one cannot be read.</exception>
    public static string Resolve(string path)
    {
        // Windows takes "folder\.." out of a path before it looks at links; others go up from where the link leads.
        var given = OperatingSystem.IsWindows() ? Path.GetFullPath(path) : Path.Combine(Directory.GetCurrentDirectory(), path);
        var links = 0;
        var resolved = Path.GetPathRoot(given)!;
        var left = new Stack<string>(Parts(given[resolved.Length..]));
        while (left.TryPop(out var part))
        {
            if (part == "..")
            {
                resolved = Path.GetDirectoryName(resolved) ?? resolved;
                continue;
            }

            var next = Path.Combine(resolved, part);
            if (TargetOf(next, isLast: left.Count == 0) is not { } target)
            {
                resolved = next;
                continue;
            }

            if (++links > MostLinks)
                throw new StoreException(
                    $"The path of the database {Path.GetFileName(path)} leads through more than {MostLinks} symbolic links, or in a "
                        + "circle. Name the file itself.");
            if (Path.IsPathRooted(target)) resolved = Path.GetPathRoot(Path.GetFullPath(target))!;
            foreach (var further in Parts(Path.IsPathRooted(target) ? target[Path.GetPathRoot(target)!.Length..] : target))
                left.Push(further);
        }

        return resolved;
    }

    /// <summary>
    /// Refuses a file that has another name as well. Known on Linux only: elsewhere nobody is told how many names a file has without unsafe
    /// code, and the guide says so.
    /// </summary>
    /// <exception cref="StoreException">It has several hard links.</exception>
    public static void ThrowIfSeveral(string path)
    {
        if (Count(path) is > 1 and var names)
        {
            throw new StoreException(
                $"The database {Path.GetFileName(path)} has {names} names (hard links). Under each of them it would have a log and a "
                    + "worker of its own, which damages it. Leave one name, and use a symbolic link for others; this file was not "
                    + "touched.");
        }
    }

    /// <summary>The last part first: they are pushed onto what is left.</summary>
    private static IEnumerable<string> Parts(string path) =>
        path.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries)
            .Where(part => part != ".").Reverse();

    private static string? TargetOf(string path, bool isLast)
    {
        try
        {
            return isLast ? new FileInfo(path).LinkTarget : new DirectoryInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(
                $"Whether {Path.GetFileName(path)} in the path of the database is a symbolic link cannot be found out: {e.Message}",
                innerException: e);
        }
    }

    private static uint Count(string path)
    {
        if (!OperatingSystem.IsLinux()) return 1;
        var facts = new byte[Native.FactsLength];
        try
        {
            // A file that is not there has no names; one that cannot be looked at cannot be opened either, and that says why.
            return Native.StatX(Native.FromHere, path, 0, Native.WantLinks, facts) == 0
                && (BitConverter.ToUInt32(facts, 0) & Native.WantLinks) != 0
                ? BitConverter.ToUInt32(facts, Native.LinksAt)
                : 1;
        }
        catch (EntryPointNotFoundException)
        {
            // An old C library.
            return 1;
        }
    }

    /// <summary><c>statx</c>: of all the ways to ask, the one whose answer is laid out alike on every processor (linux/stat.h).</summary>
    private static class Native
    {
        public const int FromHere = -100, FactsLength = 256, LinksAt = 16;
        public const uint WantLinks = 4;

#pragma warning disable SYSLIB1054 // Generated marshalling would need unsafe code; there is nothing to marshal but a path.
        [DllImport("libc", EntryPoint = "statx"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int StatX(
            int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint want, [Out] byte[] facts);
#pragma warning restore SYSLIB1054
    }
}
