using Surety.Rigs;

namespace Payments.Tests;

/// <summary>
/// A killed process loses nothing that only the machine's memory holds, so kills cannot show a missing sync. The order of the system calls
/// can.
/// </summary>
public class SystemCallTests
{
    private const string Request =
        """7 recvfrom(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, "POST /deposits HTTP/1.1 ref-1", 4096, 0, NULL, NULL) = 29""";
    private const string Write = """8 pwrite64(5</x/payments.db-wal>, "row ref-1", 4096, 4152) = 4096""";
    private const string Sync = """8 fsync(5</x/payments.db-wal>) = 0""";
    private const string Answer = """7 sendto(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, "HTTP/1.1 201 Created ref-1", 26, 0, NULL, 0) = 26""";

    [Fact]
    public void The_right_order_is_no_fault()
    {
        Judge(Request, Write, Sync, Answer).ShouldBeEmpty();
        Judge(Request, Write, "8 fdatasync(5</x/payments.db-wal> <unfinished ...>",
            "9 read(3</y>, \"\", 1) = 0", "8 <... fdatasync resumed>) = 0", Answer).ShouldBeEmpty();
    }

    [Fact]
    public void Every_wrong_order_is_a_fault()
    {
        Judge(Request, Write, Answer, Sync).ShouldHaveSingleItem().ShouldContain("synced");
        Judge(Request, Sync, Write, Answer).ShouldHaveSingleItem().ShouldContain("synced");
        Judge(Request, "8 fsync(5</x/payments.db-wal> <unfinished ...>", Write, "8 <... fsync resumed>) = 0", Answer)
            .ShouldHaveSingleItem().ShouldContain("synced");
        Judge(Request, Write, "8 fsync(5</x/payments.db-wal> <unfinished ...>", Answer, "8 <... fsync resumed>) = 0")
            .ShouldHaveSingleItem().ShouldContain("synced");
        Judge(Request, Write, Sync.Replace("= 0", "= -1 EIO (Input/output error)", StringComparison.Ordinal), Answer)
            .ShouldHaveSingleItem().ShouldContain("synced");
        Judge(Request, Write, Sync.Replace("-wal", "", StringComparison.Ordinal), Answer).ShouldHaveSingleItem().ShouldContain("synced");
        Judge(Request, Sync, Answer).ShouldHaveSingleItem().ShouldContain("written");
        Judge(Write, Sync, Answer).ShouldHaveSingleItem().ShouldContain("read");
        Judge(Request, Write, Sync).ShouldHaveSingleItem().ShouldContain("no accepted answer");
    }

    [Fact]
    public async Task Each_accepted_answer_follows_a_sync_of_what_it_promises()
    {
        var log = Path.Combine(Directory.CreateTempSubdirectory("surety-trace-").FullName, "calls");
        // -s: whole database pages and requests, so that a command's reference is found in them.
        string[] strace = ["strace",
            "-f", "-yy", "-s", "5000", "-e", "trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg,recvfrom,recvmsg,read", "-o", log];
        var references = new List<string>();
        await using (var rig = await Rig.StartAsync(Programs.Find(), new RigOptions(Before: strace), default))
        {
            var client = new HonestClient(rig.Nodes);
            var account = await OpenAsync(rig);
            var other = await OpenAsync(rig);
            foreach (var round in Enumerable.Range(0, 8))
            {
                // Several at once, so that commits are shared as they are under load.
                Command[] commands =
                [
                    new(CommandKind.Deposit, $"strace-deposit-a-{round}", account, null, 100),
                    new(CommandKind.Deposit, $"strace-deposit-b-{round}", other, null, 100),
                    new(CommandKind.Deposit, $"strace-deposit-c-{round}", account, null, 100),
                    new(CommandKind.Deposit, $"strace-deposit-d-{round}", other, null, 100),
                ];
                foreach (var answer in await Task.WhenAll(commands.Select(c => client.SendAsync(c, default))))
                    answer.Status.ShouldBe(201, answer.Body);
                references.AddRange(commands.Select(c => c.Reference));
                var transfer = new Command(CommandKind.Transfer, $"strace-transfer-{round}", account, other, 10);
                (await client.SendAsync(transfer, default)).Status.ShouldBe(201);
                references.Add(transfer.Reference);
            }
        }

        SystemCalls.Faults(await File.ReadAllLinesAsync(log), references).ShouldBeEmpty();
        Directory.Delete(Path.GetDirectoryName(log)!, recursive: true);
    }

    private static async Task<string> OpenAsync(Rig rig)
    {
        using var content = new StringContent("""{"owner":"traced","currency":"EUR"}""", System.Text.Encoding.UTF8, "application/json");
        using var answer = await rig.Payments.PostAsync("/accounts", content);
        return System.Text.Json.JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString()!;
    }

    private static IReadOnlyList<string> Judge(params string[] trace) => [.. SystemCalls.Faults(trace, ["ref-1"])];
}
