using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Surety.AspNetCore.Security;
using Surety.AspNetCore.Uploads;
using Surety.Storage;
using static Surety.AspNetCore.Tests.FileApp;

#pragma warning disable CA5350 // A checksum of the protocol, and no signature.
namespace Surety.AspNetCore.Tests;

/// <summary>tus 1.0.0, to the letter.</summary>
public sealed class UploadTests : IAsyncLifetime
{
    private FileApp files = null!;

    public async ValueTask InitializeAsync() => files = await StartAsync(o => o.MaxBytes = 10_000_000);

    public async ValueTask DisposeAsync() => await files.DisposeAsync();

    [Fact]
    public async Task An_upload_in_pieces_is_one_file_and_one_job()
    {
        var bytes = Bytes(300_000);
        var address = await files.BeginAsync(bytes.Length, $"filename {Base64("bücher.csv")},filetype {Base64("text/csv")},plain");
        (await files.PatchAsync(address, 0, bytes[..100_000])).ShouldBe(204)["Upload-Offset"].ShouldBe("100000");
        var head = (await files.HeadAsync(address)).ShouldBe(200);
        (head["Upload-Offset"], head["Upload-Length"], head["Tus-Resumable"], head["Cache-Control"])
            .ShouldBe(("100000", "300000", "1.0.0", "no-store"));
        head["Upload-Metadata"].ShouldBe($"filename {Base64("bücher.csv")},filetype {Base64("text/csv")},plain");
        (await files.PatchAsync(address, 100_000, bytes[100_000..250_000])).ShouldBe(204);
        var last = (await files.PatchAsync(address, 250_000, bytes[250_000..])).ShouldBe(204);
        (last["Upload-Offset"], last["Link"]).ShouldBe(("300000", $"<{last["Location"]}>; rel=\"status\""));
        (await files.ReadAsync(last)).ShouldBe($"300000 {Digest(bytes)} bücher.csv text/csv");

        // Whoever lost the last answer is told it again.
        (await files.HeadAsync(address)).ShouldBe(200)["Location"].ShouldBe(last["Location"]);
        (await files.PatchAsync(address, bytes.Length, [])).ShouldBe(204)["Location"].ShouldBe(last["Location"]);
        (await files.App.ScalarAsync("SELECT count(*) FROM surety_message WHERE kind = 'file.read'")).ShouldBe(1);
    }

    [Fact]
    public async Task An_upload_may_come_with_its_creation_wholly_or_in_part()
    {
        var bytes = Bytes(5_000);
        var whole = await CreateWithAsync(bytes, ("Upload-Length", "5000"));
        whole.ShouldBe(201)["Upload-Offset"].ShouldBe("5000");
        whole["Location"].ShouldNotBeNull().ShouldStartWith("/files/");
        (await files.ReadAsync(await files.HeadAsync(whole["Location"]!))).ShouldStartWith($"5000 {Digest(bytes)}");

        var part = await CreateWithAsync(bytes[..2_000], ("Upload-Length", "5000"));
        part.ShouldBe(201)["Upload-Offset"].ShouldBe("2000");
        (await files.ReadAsync((await files.PatchAsync(part["Location"]!, 2_000, bytes[2_000..])).ShouldBe(204)))
            .ShouldStartWith($"5000 {Digest(bytes)}");
    }

    [Fact]
    public async Task A_creation_that_is_refused_leaves_no_upload_that_nobody_knows_of()
    {
        (await CreateWithAsync(
            Bytes(500), ("Upload-Length", "1000"),
            ("Upload-Checksum", $"sha1 {Convert.ToBase64String(SHA1.HashData(Bytes(1)))}"))).ShouldBeProblem(460, "checksum-mismatch");
        (await CreateWithAsync(Bytes(100, seed: 2), ("Upload-Length", "100"), ("Upload-Metadata", $"sha256 {Base64(Digest(Bytes(100)))}")))
            .ShouldBeProblem(460, "digest-mismatch");
        (await files.App.ScalarAsync("SELECT count(*) FROM surety_upload WHERE state <= 3")).ShouldBe(0);
        files.Blobs.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_empty_file_is_complete_when_it_begins()
    {
        var address = await files.BeginAsync(0);
        (await files.ReadAsync((await files.HeadAsync(address)).ShouldBe(200))).ShouldStartWith($"0 {Digest([])}");
    }

    [Fact]
    public async Task The_length_may_be_said_later_and_only_once()
    {
        var address = await files.BeginAsync(null);
        (await files.HeadAsync(address)).ShouldBe(200)["Upload-Defer-Length"].ShouldBe("1");
        (await files.PatchAsync(address, 0, Bytes(10))).ShouldBe(204)["Location"].ShouldBeNull();
        (await files.PatchAsync(address, 10, Bytes(10), ("Upload-Length", "30"))).ShouldBe(204);
        (await files.HeadAsync(address)).ShouldBe(200)["Upload-Length"].ShouldBe("30");
        (await files.PatchAsync(address, 20, Bytes(10), ("Upload-Length", "31"))).ShouldBeProblem(400, "bad-request");
        (await files.ReadAsync((await files.PatchAsync(address, 20, Bytes(10), ("Upload-Length", "30"))).ShouldBe(204)))
            .ShouldStartWith("30 ");
    }

    [Fact]
    public async Task A_body_that_is_neither_a_form_nor_of_the_protocol_is_told_of_forms() =>
        (await files.Alice.SendAsync(HttpMethod.Post, "/files", Chunk(Bytes(10), "text/csv"), default))
            .ShouldBeProblem(415, "unsupported-media-type")["Tus-Version"].ShouldBeNull();

    [Fact]
    public async Task What_the_protocol_can_do_is_said_to_everybody()
    {
        using var anonymous = files.App.Client();
        var answer = (await anonymous.SendAsync(HttpMethod.Options, "/files")).ShouldBe(204);
        (answer["Tus-Version"], answer["Tus-Max-Size"], answer["Tus-Checksum-Algorithm"]).ShouldBe(("1.0.0", "10000000", "sha1,sha256"));
        answer["Tus-Extension"].ShouldBe("creation,creation-with-upload,creation-defer-length,expiration,checksum,termination");
        (await anonymous.SendAsync(HttpMethod.Post, "/files", null, Tus(("Upload-Length", "5")))).ShouldBeProblem(401, "unauthenticated");
        var exposed = await files.Alice.SendAsync(
            HttpMethod.Post, "/files", null, Tus(("Upload-Length", "5"), ("Origin", "https://shop.example")));
        exposed.ShouldBe(201)["Access-Control-Expose-Headers"].ShouldNotBeNull().ShouldContain("Upload-Offset");
        exposed["Access-Control-Allow-Origin"].ShouldBeNull("that is the host's to say");
    }

    [Theory]
    [InlineData("Upload-Concat", "partial", "concatenation")]
    [InlineData("Upload-Concat", "final;/files/a /files/b", "concatenation")]
    [InlineData("Trailer", "Upload-Checksum", "checksum-trailer")]
    public async Task An_extension_that_is_not_spoken_is_refused_by_its_name_before_anything_begins(
        string header, string value, string name)
    {
        (await files.Alice.SendAsync(HttpMethod.Post, "/files", null, Tus(("Upload-Length", "5"), (header, value))))
            .ShouldBeProblem(400, "bad-request").Member("detail").ShouldNotBeNull().ShouldContain($"\"{name}\"");
        (await files.App.ScalarAsync("SELECT count(*) FROM surety_upload")).ShouldBe(0);
        var address = await files.BeginAsync(5);
        (await files.PatchAsync(address, 0, Bytes(5), (header, value))).ShouldBeProblem(400, "bad-request");
        (await files.OffsetAsync(address)).ShouldBe(0);
    }

    [Fact]
    public async Task A_wrong_offset_changes_nothing()
    {
        var address = await files.BeginAsync(100);
        (await files.PatchAsync(address, 0, Bytes(40))).ShouldBe(204);
        foreach (var wrong in new[] { 0, 39, 41, 100 })
        {
            var answer = (await files.PatchAsync(address, wrong, Bytes(10))).ShouldBeProblem(409, "upload-offset-mismatch");
            answer["Upload-Offset"].ShouldBe("40");
        }

        (await files.Alice.SendAsync(HttpMethod.Patch, address, Chunk(Bytes(1)), default, Tus(("Upload-Offset", "-1"))))
            .ShouldBeProblem(400, "bad-request");
        (await files.Alice.SendAsync(HttpMethod.Patch, address, Chunk(Bytes(1)), default, Tus())).ShouldBeProblem(400, "bad-request");
        (await files.OffsetAsync(address)).ShouldBe(40);
    }

    [Fact]
    public async Task A_wrong_type_or_version_is_refused()
    {
        var address = await files.BeginAsync(100);
        var type = await files.Alice.SendAsync(
            HttpMethod.Patch, address, Chunk(Bytes(5), "text/plain"), default, Tus(("Upload-Offset", "0")));
        type.ShouldBeProblem(415, "unsupported-media-type")["Accept"].ShouldBe("application/offset+octet-stream");
        foreach (var method in new[] { HttpMethod.Patch, HttpMethod.Delete })
        {
            var version = await files.Alice.SendAsync(
                method, address, Chunk(Bytes(5)), default, ("Tus-Resumable", "0.2.2"), ("Upload-Offset", "0"));
            version.ShouldBeProblem(412, "tus-version")["Tus-Version"].ShouldBe("1.0.0");
        }

        (await files.Alice.SendAsync(HttpMethod.Head, address)).ShouldBe(412);
        (await files.Alice.SendAsync(HttpMethod.Post, "/files", null, ("Tus-Resumable", "2.0.0"), ("Upload-Length", "5")))
            .ShouldBeProblem(412, "tus-version");
        (await files.Alice.PostAsync("/files", "{}"))
            .ShouldBeProblem(415, "unsupported-media-type")["Accept"].ShouldBe("multipart/form-data");
    }

    [Fact]
    public async Task A_creation_that_makes_no_sense_is_refused()
    {
        foreach (var headers in new (string, string)[][]
        {
            [], [("Upload-Length", "-5")], [("Upload-Length", "1e3")], [("Upload-Defer-Length", "2")],
                [("Upload-Length", "5"), ("Upload-Defer-Length", "1")],
            [("Upload-Length", "5"), ("Upload-Metadata", "filename not-base64!")],
                [("Upload-Length", "5"), ("Upload-Metadata", "a YQ==,a YQ==")],
            [("Upload-Length", "5"), ("Upload-Metadata", string.Join(',', Enumerable.Range(0, 33).Select(i => $"k{i} YQ==")))],
            [("Upload-Length", "5"), ("Upload-Metadata", $"sha256 {Base64("abc")}")],
        })
            (await files.Alice.SendAsync(HttpMethod.Post, "/files", null, Tus(headers))).ShouldBeProblem(400, "bad-request");
        (await files.App.ScalarAsync("SELECT count(*) FROM surety_upload")).ShouldBe(0);
    }

    [Fact]
    public async Task Metadata_that_a_database_cannot_keep_are_refused()
    {
        var answer = (
            await files.Alice.SendAsync(
                HttpMethod.Post, "/files", null,
                Tus(("Upload-Length", "5"), ("Upload-Metadata", $"filename {Base64("a\0b")}")))).ShouldBeProblem(400, "validation");
        answer.Json.GetProperty("errors").EnumerateObject().ShouldHaveSingleItem().Name.ShouldBe("filename");
        (await files.App.ScalarAsync("SELECT count(*) FROM surety_upload")).ShouldBe(0);
    }

    [Fact]
    public async Task More_than_was_announced_or_allowed_is_refused_and_what_was_good_stays()
    {
        (await files.Alice.SendAsync(HttpMethod.Post, "/files", null, Tus(("Upload-Length", "10000001"))))
            .ShouldBeProblem(413, "payload-too-large");
        var address = await files.BeginAsync(100);
        (await files.PatchAsync(address, 0, Bytes(60))).ShouldBe(204);
        (await files.PatchAsync(address, 60, Bytes(41))).ShouldBeProblem(413, "payload-too-large");
        // Nobody says how much comes: it shows when it is too much.
        var unannounced = new StreamContent(
            new MemoryStream(Bytes(500_000))) { Headers = { ContentType = new("application/offset+octet-stream") } };
        using var request = new HttpRequestMessage(
            HttpMethod.Patch, address) { Content = unannounced, Headers = { TransferEncodingChunked = true } };
        foreach (var (name, value) in Tus(("Upload-Offset", "60"))) request.Headers.Add(name, value);
        using (var answer = await files.Alice.SendAsync(request)) ((int)answer.StatusCode).ShouldBe(413);
        (await files.OffsetAsync(address)).ShouldBe(60);
        (await files.ReadAsync((await files.PatchAsync(address, 60, Bytes(40))).ShouldBe(204))).ShouldStartWith("100 ");
    }

    [Fact]
    public async Task A_chunk_that_does_not_match_its_checksum_is_discarded()
    {
        var bytes = Bytes(1_000);
        var address = await files.BeginAsync(1_000);
        var wrong = Convert.ToBase64String(SHA1.HashData(bytes));
        (await files.PatchAsync(address, 0, bytes[..500], ("Upload-Checksum", $"sha1 {wrong}"))).ShouldBeProblem(460, "checksum-mismatch");
        (await files.OffsetAsync(address)).ShouldBe(0);
        (await files.PatchAsync(address, 0, bytes[..500], ("Upload-Checksum", "md5 1B2M2Y8AsgTpgAmY7PhCfg==")))
            .ShouldBeProblem(400, "bad-request");
        (await files.PatchAsync(
            address, 0, bytes[..500], ("Upload-Checksum", $"sha1 {Convert.ToBase64String(SHA1.HashData(bytes[..500]))}"))).ShouldBe(204);
        var last = await files.PatchAsync(
            address, 500, bytes[500..], ("Upload-Checksum", $"sha256 {Convert.ToBase64String(SHA256.HashData(bytes[500..]))}"));
        (await files.ReadAsync(last.ShouldBe(204))).ShouldStartWith($"1000 {Digest(bytes)}");
    }

    [Fact]
    public async Task What_is_not_what_was_announced_makes_no_job()
    {
        var address = await files.BeginAsync(100, $"sha256 {Base64(Digest(Bytes(100)))}");
        (await files.PatchAsync(address, 0, Bytes(100, seed: 2))).ShouldBeProblem(460, "digest-mismatch");
        (await files.HeadAsync(address)).ShouldBe(410);
        files.Blobs.ShouldBeEmpty();
        (await files.App.ScalarAsync("SELECT count(*) FROM surety_message")).ShouldBe(0);

        var good = await files.BeginAsync(100, $"sha256 {Base64(Digest(Bytes(100)))}");
        (await files.PatchAsync(good, 0, Bytes(100))).ShouldBe(204)["Location"].ShouldNotBeNull();
    }

    [Fact]
    public async Task An_upload_that_was_taken_back_is_gone_and_a_complete_one_cannot_be()
    {
        var address = await files.BeginAsync(100);
        (await files.PatchAsync(address, 0, Bytes(50))).ShouldBe(204);
        files.Blobs.ShouldHaveSingleItem();
        (await files.Alice.SendAsync(HttpMethod.Delete, address, null, Tus())).ShouldBe(204);
        files.Blobs.ShouldBeEmpty();
        (await files.HeadAsync(address)).ShouldBe(410);
        (await files.PatchAsync(address, 50, Bytes(50))).ShouldBeProblem(410, "upload-gone");
        (await files.Alice.SendAsync(HttpMethod.Delete, address, null, Tus())).ShouldBeProblem(410, "upload-gone");

        var whole = await files.BeginAsync(10);
        (await files.PatchAsync(whole, 0, Bytes(10))).ShouldBe(204);
        (await files.Alice.SendAsync(HttpMethod.Delete, whole, null, Tus())).ShouldBeProblem(409, "upload-complete");
    }

    [Fact]
    public async Task To_everybody_but_its_owner_an_upload_does_not_exist()
    {
        var address = await files.BeginAsync(100);
        var id = address["/files/".Length..];
        id.Length.ShouldBe(40);
        using var bob = await files.App.ClientAsync("bob", "operator");
        (await PatchAsync(bob, address, 0, Bytes(5))).ShouldBeProblem(404, "not-found");
        (await bob.SendAsync(HttpMethod.Head, address, null, Tus())).ShouldBe(404);
        (await bob.SendAsync(HttpMethod.Delete, address, null, Tus())).ShouldBeProblem(404, "not-found");
        (await files.PatchAsync("/others/" + id, 0, Bytes(5))).ShouldBeProblem(404, "not-found");
        (await files.PatchAsync("/files/" + new string('0', 40), 0, Bytes(5))).ShouldBeProblem(404, "not-found");
        (await files.PatchAsync("/files/..%2f..%2fetc%2fpasswd", 0, Bytes(5))).ShouldBeProblem(404, "not-found");
        (await files.OffsetAsync(address)).ShouldBe(0);
    }

    [Fact]
    public async Task A_method_may_be_named_in_a_header()
    {
        var address = await files.BeginAsync(10);
        (await files.Alice.SendAsync(
            HttpMethod.Post, address, Chunk(Bytes(4)), default, Tus(("X-HTTP-Method-Override", "PATCH"), ("Upload-Offset", "0")))).ShouldBe(
                204);
        (await files.Alice.SendAsync(HttpMethod.Post, address, null, Tus(("X-HTTP-Method-Override", "HEAD"))))
            .ShouldBe(200)["Upload-Offset"].ShouldBe("4");
        (await files.Alice.SendAsync(HttpMethod.Post, address, null, Tus())).ShouldBeProblem(405, "method-not-allowed");
        (await files.Alice.SendAsync(HttpMethod.Post, address, null, Tus(("X-HTTP-Method-Override", "DELETE")))).ShouldBe(204);
    }

    [Fact]
    public async Task What_came_before_a_connection_broke_is_kept_and_the_client_goes_on_from_there()
    {
        var bytes = Bytes(2_000_000);
        var address = await files.BeginAsync(bytes.Length);
        long offset = 0;
        foreach (var cut in new[] { 100_000, 700_000, 1, 400_000 })
        {
            await using (var half = await HalfPatchAsync(address, offset, bytes.Length - offset, bytes.AsMemory((int)offset, cut)))
            {
                var before = offset;
                await EdgeApp.UntilAsync(() => Task.FromResult(files.BlobPaths.Any(p => new FileInfo(p).Length >= before + cut)));
            }

            // HEAD asks the half request to stop, if this side has not noticed that it is broken.
            var now = await files.OffsetAsync(address);
            now.ShouldBe(offset + cut);
            offset = now;
        }

        (await files.ReadAsync((await files.PatchAsync(address, offset, bytes[(int)offset..])).ShouldBe(204)))
            .ShouldStartWith($"2000000 {Digest(bytes)}");
    }

    [Fact]
    public async Task Whoever_comes_back_takes_over_from_the_request_that_still_hangs()
    {
        var bytes = Bytes(1_000);
        var address = await files.BeginAsync(bytes.Length);
        await using var hanging = await HalfPatchAsync(address, 0, 1_000, bytes.AsMemory(0, 300));
        await EdgeApp.UntilAsync(() => Task.FromResult(files.BlobPaths.Any(p => new FileInfo(p).Length == 300)));
        var offset = await files.OffsetAsync(address);
        offset.ShouldBe(300);
        (await files.ReadAsync((await files.PatchAsync(address, offset, bytes[300..])).ShouldBe(204)))
            .ShouldStartWith($"1000 {Digest(bytes)}");
    }

    [Fact]
    public async Task A_revoked_key_completes_nothing()
    {
        var key = await files.App.Get<ApiKeys>().CreateAsync("carol", []);
        var carol = files.App.Client(key.Secret);
        var address = (await carol.SendAsync(HttpMethod.Post, "/files", null, Tus(("Upload-Length", "100")))).ShouldBe(201)["Location"]!;
        await using var half = await HalfPatchAsync(address, 0, 100, Bytes(99), key.Secret);
        await EdgeApp.UntilAsync(() => Task.FromResult(files.BlobPaths.Any(p => new FileInfo(p).Length == 99)));
        await files.App.Get<ApiKeys>().RevokeAsync(key.Prefix);
        await half.WriteAsync(new byte[] { 7 });
        (await ReadStatusAsync(half)).ShouldContain("403");
        (await files.App.ScalarAsync("SELECT count(*) FROM surety_message")).ShouldBe(0);
    }

    [Fact]
    public async Task A_client_that_drips_is_cut_off_and_keeps_what_came()
    {
        await using var strict = await StartAsync(o => o.MinBytesPerSecond = 1_000_000);
        var address = await strict.BeginAsync(1_000);
        await using var drip = await HalfPatchAsync(strict, address, 0, 1_000, Bytes(10));
        (await ReadStatusAsync(drip)).ShouldContain("408");
        (await strict.OffsetAsync(address)).ShouldBe(10);
    }

    [Fact]
    public async Task A_principal_has_only_so_many_unfinished_uploads()
    {
        await using var few = await StartAsync(o => o.MaxOpen = 2);
        var first = await few.BeginAsync(10);
        await few.BeginAsync(10);
        (await few.Alice.SendAsync(HttpMethod.Post, "/files", null, Tus(("Upload-Length", "10"))))
            .ShouldBeProblem(429, "uploads-exceeded")["Retry-After"].ShouldNotBeNull();
        (await few.PatchAsync(first, 0, Bytes(10))).ShouldBe(204);
        await few.BeginAsync(10);
    }

    [Fact]
    public async Task Only_the_content_types_asked_for_are_taken()
    {
        await using var csv = await StartAsync(o => o.ContentTypes.Add("text/csv"));
        (await csv.Alice.SendAsync(HttpMethod.Post, "/files", null, Tus(("Upload-Length", "10"))))
            .ShouldBeProblem(415, "unsupported-media-type")["Accept"].ShouldBe("text/csv");
        await csv.BeginAsync(10, $"filetype {Base64("text/csv; charset=utf-8")}");
    }

    [Fact]
    public async Task A_host_that_has_no_place_for_files_or_senseless_limits_does_not_start()
    {
        await using var nowhere = EdgeApp.Build(_ => { });
        Should.Throw<InvalidOperationException>(() => nowhere.Host.MapUploads("/files", u => new ReadFile(u.Id))).Message.ShouldContain(
            "UseBlobFolder");
        var faults = Should.Throw<InvalidOperationException>(
            () => files.App.Host.MapUploads(
                "/more", u => new ReadFile(u.Id), o => (o.MaxBytes, o.MaxOpen, o.ExpireAfter) = (0, 0, TimeSpan.Zero))).Message;
        foreach (var name in new[] { "MaxBytes", "MaxOpen", "ExpireAfter" }) faults.ShouldContain(name);
    }

    private Task<Answer> CreateWithAsync(byte[] bytes, params (string, string)[] more) =>
        files.Alice.SendAsync(HttpMethod.Post, "/files", Chunk(bytes), default, Tus(more));

    private Task<NetworkStream> HalfPatchAsync(
        string address, long offset, long announced, ReadOnlyMemory<byte> sent, string? key = null) =>
            HalfPatchAsync(files, address, offset, announced, sent, key);

    /// <summary>A request whose body does not come to its end.</summary>
    private static async Task<NetworkStream> HalfPatchAsync(
        FileApp files, string address, long offset, long announced, ReadOnlyMemory<byte> sent, string? key = null)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
        await socket.ConnectAsync(files.App.Address.Host, files.App.Address.Port);
        var stream = new NetworkStream(socket, ownsSocket: true);
        var bearer = key ?? files.Alice.DefaultRequestHeaders.Authorization!.Parameter;
        var head =
            $"PATCH {address} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n"
            + $"Content-Type: application/offset+octet-stream\r\nContent-Length: {announced}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
        await stream.WriteAsync(sent);
        return stream;
    }

    private static async Task<string> ReadStatusAsync(NetworkStream stream)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        return await reader.ReadLineAsync(limit.Token) ?? "";
    }
}
