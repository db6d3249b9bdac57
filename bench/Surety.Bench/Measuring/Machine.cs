using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Surety.Bench.Measuring;

/// <summary>What the figures were measured on. Linux only, like the measurements of memory.</summary>
internal static partial class Machine
{
    public static string Describe() => Describe($"SQLite {SqliteVersion()}");

    /// <param name="database">Its name and version.</param>
    public static string Describe(string database)
    {
        var processor = File.ReadLines("/proc/cpuinfo")
            .FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor";
        return $"{processor}, {Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, "
            + $"{RuntimeInformation.FrameworkDescription}, {database}, "
            + $"one overwritten 4 KiB page: fdatasync {SyncMicroseconds(500, static f => DataSync(f) == 0):0} µs, fsync "
            + $"{SyncMicroseconds(500, static f => Sync(f) == 0):0} µs";
    }

    /// <summary>The load averages of the last 1, 5 and 15 minutes.</summary>
    public static string Load() => string.Join(", ", File.ReadAllText("/proc/loadavg").Split(' ')[..3]);

    /// <summary>The median of many: what one durable commit costs at least.</summary>
    private static double SyncMicroseconds(int times, Func<SafeFileHandle, bool> sync)
    {
        var folder = Directory.CreateTempSubdirectory("surety-bench-");
        try
        {
            using var file = File.OpenHandle(Path.Combine(folder.FullName, "sync"), FileMode.CreateNew, FileAccess.ReadWrite);
            var page = new byte[4096];
            for (var i = 0; i < 256; i++) RandomAccess.Write(file, page, i * 4096L);
            RandomAccess.FlushToDisk(file);
            var taken = new double[times];
            for (var i = 0; i < times; i++)
            {
                var began = Stopwatch.GetTimestamp();
                RandomAccess.Write(file, page, i % 256 * 4096L);
                if (!sync(file)) throw new IOException("The disk did not take the page.");
                taken[i] = Stopwatch.GetElapsedTime(began).TotalMicroseconds;
            }

            return Series.MedianOf(taken);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>The most memory this process ever had resident, in bytes.</summary>
    public static long PeakResidentBytes() =>
        1024 * long.Parse(File.ReadLines("/proc/self/status")
            .First(l => l.StartsWith("VmHWM", StringComparison.Ordinal)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1]);

    private static string SqliteVersion()
    {
        SQLitePCL.Batteries_V2.Init();
        return SQLitePCL.raw.sqlite3_libversion().utf8_to_string();
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int DataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Sync(SafeFileHandle file);
}
