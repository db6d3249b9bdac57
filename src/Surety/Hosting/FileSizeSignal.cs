using System.Runtime.InteropServices;

namespace Surety.Hosting;

/// <summary>
/// Makes a file that may not grow any more (<c>ulimit -f</c>) an error of the write, as a full disk is. Otherwise the kernel's signal ends
/// the process, and with it all that runs.
/// </summary>
internal sealed class FileSizeSignal : IDisposable
{
    // SIGXFSZ on Linux and macOS; the framework has no name for it.
    private const PosixSignal FileSizeExceeded = (PosixSignal)25;

    private readonly PosixSignalRegistration? registration = OperatingSystem.IsWindows()
        ? null : PosixSignalRegistration.Create(FileSizeExceeded, static signal => signal.Cancel = true);

    public void Dispose() => registration?.Dispose();
}
