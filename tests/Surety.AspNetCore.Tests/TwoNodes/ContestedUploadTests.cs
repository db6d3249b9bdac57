using Surety.Tests.Postgres;

namespace Surety.AspNetCore.Tests;

/// <summary>
/// The story of two nodes that work on the same uploads at the same time, frozen at any point, with clients that cut, repeat and lie.
/// </summary>
public sealed class ContestedUploadTests(ITestOutputHelper output)
{
    private const int Uploads = 24;
    private static int made;

    public static TheoryData<int> Seeds => new(Enumerable.Range(1, Counts.Of(10)));

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Clients_that_send_one_upload_at_once_through_two_nodes_lose_no_byte_and_get_one_job(int seed)
    {
        var server = await PostgresServer.SharedAsync();
        var folder = Directory.CreateTempSubdirectory("surety-contested-").FullName;
        var schema = $"contested{Interlocked.Increment(ref made)}";
        var freezes = new Freezes(seed, percent: 8);
        var nodes = new List<UploadNode>();
        try
        {
            for (var i = 0; i < 2; i++)
                nodes.Add(await UploadNode.StartAsync($"{server.ConnectionString};Maximum Pool Size=40", schema, folder, freezes));
            var key = await nodes[0].KeyAsync("alice");
            foreach (var node in nodes) node.Use(key);

            var random = new Random(seed);
            var uploads = await BeginAsync(nodes, random);
            var clients = new List<Task>();
            foreach (var upload in uploads)
            {
                for (var i = random.Next(2, 4); i > 0; i--)
                {
                    var own = new Random(random.Next());
                    clients.Add(Task.Run(() => upload.SendAsync(nodes, freezes, own)));
                }
            }

            await Task.WhenAll(clients);
            foreach (var upload in uploads)
            {
                if (upload.IsDeleted) upload.Jobs.ShouldBeEmpty(upload.Address);
                else
                {
                    var read = await ReadAsync(nodes[0], upload.Jobs.ShouldHaveSingleItem(upload.Address));
                    read.ShouldStartWith($"{upload.Bytes.Length} {FileApp.Digest(upload.Bytes)}");
                }
            }

            (await nodes[0].JobsAsync()).Items.Count.ShouldBe(uploads.Count(u => !u.IsDeleted));
            var frozen = string.Join(", ", freezes.Frozen.Select(f => $"{f.Value} {f.Key}"));
            output.WriteLine(
                $"{uploads.Sum(u => u.Patches)} requests with bytes, {uploads.Count(u => u.IsDeleted)} taken back, frozen {frozen}");
            freezes.Frozen.Count.ShouldBeGreaterThan(8, "nothing was frozen where it matters");
        }
        finally
        {
            foreach (var node in nodes) await node.DisposeAsync();
            await server.ExecuteAsync($"DROP SCHEMA IF EXISTS {schema} CASCADE");
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<List<ContestedUpload>> BeginAsync(List<UploadNode> nodes, Random random)
    {
        var uploads = new List<ContestedUpload>();
        for (var i = 0; i < Uploads; i++)
        {
            // Two are so large that the offset moves on in the middle of a request.
            var bytes = FileApp.Bytes(
                i < 2 ? 10_000_000 + random.Next(10_000_000) : 1 + random.Next(i % 2 == 0 ? 2_000 : 600_000), random.Next());
            var digest = FileApp.Base64(FileApp.Digest(bytes));
            var begun = await nodes[i % 2].SendAsync(
                HttpMethod.Post, "/files", ("Upload-Length", $"{bytes.Length}"), ("Upload-Metadata", $"sha256 {digest}"));
            uploads.Add(new ContestedUpload(begun.ShouldBe(201)["Location"]!, bytes, mayBeDeleted: i % 8 == 7));
        }

        return uploads;
    }

    private static async Task<string> ReadAsync(UploadNode node, string job)
    {
        await EdgeApp.UntilAsync(
            async () => (await node.FetchAsync(job)).Member("status") is "succeeded" or "dead", () => $"the job {job} does not end");
        return (await node.FetchAsync(job + "/result")).ShouldBe(200).Text;
    }
}
