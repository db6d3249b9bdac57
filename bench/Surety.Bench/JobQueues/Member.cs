using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;

namespace Surety.Bench.JobQueues;

/// <summary>A child process of a contender: one producer or one node.</summary>
internal sealed class Member : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private readonly Process process;
    private readonly Channel<Said> answers = Channel.CreateUnbounded<Said>();

    private Member(Process process, Action<Said> handled)
    {
        this.process = process;
        _ = ReadAsync(handled);
    }

    /// <summary>How long its compiler had worked when it last said something.</summary>
    public TimeSpan Compiled { get; private set; }

    public TimeSpan ProcessorTime => Processes.TimeOf(process.Id);

    /// <param name="program">What to run.</param>
    /// <param name="arguments">And its arguments.</param>
    /// <param name="handled">Called whenever it says how many jobs it was given so far.</param>
    public static async Task<Member> StartAsync(string program, IReadOnlyList<string> arguments, Action<Said> handled)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        // As docs/operations/postgres.md advises where a virtual machine hides its caches. Node, which does not know the variable, gives
        // new objects many megabytes by itself.
        start.Environment["DOTNET_GCgen0size"] = "0x4000000";
        var member = new Member(Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start."), handled);
        await member.HearAsync("ready");
        return member;
    }

    /// <summary>Gives an order and waits for what it answers.</summary>
    public async Task<Said> DoAsync(Order order, string answer)
    {
        await TellAsync(order);
        return await HearAsync(answer);
    }

    public async Task TellAsync(Order order)
    {
        await process.StandardInput.WriteLineAsync(Line.Of(order));
        await process.StandardInput.FlushAsync();
    }

    public async Task<Said> HearAsync(string what)
    {
        using var limit = new CancellationTokenSource(Patience);
        var said = await answers.Reader.ReadAsync(limit.Token);
        return said.What == what ? said : throw new InvalidOperationException(
            $"A child process said {said.What} where {what} was expected: {string.Join(' ', process.StartInfo.ArgumentList)}");
    }

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
            process.Dispose();
        }
    }

    private async Task ReadAsync(Action<Said> handled)
    {
        try
        {
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                var said = Line.Read<Said>(line);
                Compiled = TimeSpan.FromMicroseconds(said.Compiled);
                if (said.What == "handled") handled(said);
                else answers.Writer.TryWrite(said);
            }

            answers.Writer.TryComplete(
                new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture, $"A child process has ended: {string.Join(' ', process.StartInfo.ArgumentList)}")));
        }
        catch (Exception e)
        {
            answers.Writer.TryComplete(e);
        }
    }
}
