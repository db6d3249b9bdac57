using System.Globalization;
using System.Text.RegularExpressions;

namespace Payments.Tests;

/// <summary>
/// Reads what strace saw of a backend and finds accepted answers that were sent too early. For each command, by its reference, the order
/// must be: its request read; its row written to the write-ahead log; a sync of that log that began after the write and ended well; the
/// first byte of its answer. Pure.
/// </summary>
internal static partial class SystemCalls
{
    /// <param name="trace">The lines of <c>strace -f -yy</c>, in the order in which they were written.</param>
    /// <param name="references">The commands' references: they stand in the requests, in the rows and in the answers.</param>
    public static IEnumerable<string> Faults(IReadOnlyList<string> trace, IEnumerable<string> references)
    {
        var calls = Join(trace).ToList();
        var syncs = calls.Where(c => c.Name is "fsync" or "fdatasync" && c.IsOnLog && c.Result == 0).ToList();
        foreach (var reference in references)
        {
            var answer = calls.Find(c => c.IsSend
                && c.Text.Contains("HTTP/1.1 20", StringComparison.Ordinal) && c.Text.Contains(reference, StringComparison.Ordinal));
            if (answer is null)
            {
                yield return $"{reference}: no accepted answer was seen.";
                continue;
            }

            var request = calls.Find(c => c.IsReceive && c.Text.Contains(reference, StringComparison.Ordinal));
            var write = calls.Find(c => c.IsWrite && c.IsOnLog && c.Text.Contains(reference, StringComparison.Ordinal));
            if (request is null || request.Ended > answer.Began) yield return $"{reference}: answered before its request was read.";
            else if (write is null || write.Began < request.Ended || write.Ended > answer.Began)
                yield return $"{reference}: answered before its row was written to the log.";
            else if (!syncs.Exists(s => s.Began > write.Ended && s.Ended < answer.Began))
                yield return $"{reference}: answered before the log was synced.";
        }
    }

    /// <summary>A call that another thread's interrupts is written in two lines; its beginning and its end are what counts.</summary>
    private static IEnumerable<Call> Join(IReadOnlyList<string> trace)
    {
        var open = new Dictionary<string, (string Text, int Began)>(StringComparer.Ordinal);
        for (var i = 0; i < trace.Count; i++)
        {
            if (Line().Match(trace[i]) is not { Success: true } line) continue;
            var (thread, text) = (line.Groups["thread"].Value, line.Groups["rest"].Value);
            if (text.EndsWith(" <unfinished ...>", StringComparison.Ordinal))
            {
                open[thread] = (text[..^" <unfinished ...>".Length], i);
                continue;
            }

            var began = i;
            if (Resumed().Match(text) is { Success: true } resumed)
            {
                if (!open.Remove(thread, out var first)) continue;
                (text, began) = (first.Text + resumed.Groups["rest"].Value, first.Began);
            }

            if (text.IndexOf('(', StringComparison.Ordinal) is not (> 0 and var name)) continue;
            var result = Result().Match(text) is { Success: true } r
                ? long.Parse(r.Groups["value"].Value, CultureInfo.InvariantCulture) : -1;
            yield return new Call(text[..name], text, result, began, i);
        }
    }

    private sealed record Call(string Name, string Text, long Result, int Began, int Ended)
    {
        public bool IsOnLog { get; } = Text.Contains("payments.db-wal>", StringComparison.Ordinal);

        public bool IsWrite => Name is "pwrite64" or "write" or "writev" && Result > 0;

        public bool IsSend => Name is "sendto" or "sendmsg" or "write" or "writev" && Text.Contains("<TCP:", StringComparison.Ordinal);

        public bool IsReceive => Name is "recvfrom" or "recvmsg" or "read" or "readv" && Text.Contains("<TCP:", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^(?<thread>\d+) +(?:\d+\.\d+ )?(?<rest>.*)$", RegexOptions.ExplicitCapture | RegexOptions.Singleline)]
    private static partial Regex Line();

    [GeneratedRegex(@"^<\.\.\. \w+ resumed>(?<rest>.*)$", RegexOptions.ExplicitCapture | RegexOptions.Singleline)]
    private static partial Regex Resumed();

    [GeneratedRegex(@"\) += (?<value>-?\d+)[^=]*$", RegexOptions.ExplicitCapture)]
    private static partial Regex Result();
}
