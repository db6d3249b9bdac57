using System.Globalization;
using System.Security.Cryptography;

namespace Surety.AspNetCore.Tests;

/// <summary>One upload that several clients send at the same time through several nodes, and what all of them were told about it.</summary>
internal sealed class ContestedUpload(string address, byte[] bytes, bool mayBeDeleted)
{
    private const int MostRounds = 400;

    private readonly Lock door = new();
    private readonly HashSet<string> jobs = [];
    private long acknowledged;
    private bool isDeleted;

    public string Address => address;

    public byte[] Bytes => bytes;

    public bool IsDeleted => isDeleted;

    public IReadOnlyCollection<string> Jobs => jobs;

    public int Patches { get; private set; }

    /// <summary>A client that does not give up until the upload is complete, or gone because one of them took it back.</summary>
    public async Task SendAsync(IReadOnlyList<UploadNode> nodes, Freezes freezes, Random random)
    {
        for (var round = 0; round < MostRounds; round++)
        {
            var before = Interlocked.Read(ref acknowledged);
            if (await AskedAsync(nodes[random.Next(nodes.Count)], HttpMethod.Head) is not { } head) continue;
            head.Status.ShouldBeLessThan(500, $"HEAD {address}");
            if (head.Status == 423) continue;
            if (IsGone(head)) return;
            head.ShouldBe(200);
            var offset = Offset(head);
            offset.ShouldBeGreaterThanOrEqualTo(before, "an acknowledged offset fell");
            if (Heard(head)) return;

            var node = nodes[random.Next(nodes.Count)];
            if (mayBeDeleted && random.Next(8) == 0)
            {
                await DeleteAsync(node);
                continue;
            }

            // A client that lost count, now and then.
            if (random.Next(12) == 0) offset = random.NextInt64(bytes.Length);
            if (await PatchAsync(node, offset, freezes, random)) return;
        }

        throw new TimeoutException($"After {MostRounds} rounds {address} is at {acknowledged} of {bytes.Length}.");
    }

    /// <summary>Whether it is complete.</summary>
    private async Task<bool> PatchAsync(UploadNode node, long offset, Freezes freezes, Random random)
    {
        var count = (int)Math.Min(
            bytes.Length - offset, random.Next(4) == 0 ? bytes.Length : random.Next(1, 1 + Math.Max(1, bytes.Length / 6)));
        var chunk = bytes.AsMemory((int)offset, count).ToArray();
        lock (door) Patches++;
        switch (random.Next(10))
        {
            case 0 or 1:
                await node.CutAsync(address, offset, chunk, freezes);
                return false;
            case 2 or 3:
                // What was announced is not what comes: it must never be read as part of the upload.
                var noise = Array.ConvertAll(chunk, b => (byte)~b);
                (await AnsweredAsync(node, offset, noise, Checksum(chunk)))?.Status.ShouldBeOneOf(409, 410, 423, 460);
                return false;
            case 4:
                return await AnsweredAsync(node, offset, chunk, Checksum(chunk)) is { } checkedAnswer
                    && Heard(checkedAnswer, offset + count);
            default:
                return await AnsweredAsync(node, offset, chunk) is { } answer && Heard(answer, offset + count);
        }
    }

    /// <summary>Null when the server hung up on a body that it had refused already.</summary>
    private async Task<Answer?> AnsweredAsync(UploadNode node, long offset, byte[] chunk, params (string, string)[] headers)
    {
        try
        {
            return await node.PatchAsync(address, offset, chunk, headers);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>Null when the connection was one that the server closed, as it does behind a body that it has refused.</summary>
    private async Task<Answer?> AskedAsync(UploadNode node, HttpMethod method)
    {
        try
        {
            return await node.SendAsync(method, address);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private async Task DeleteAsync(UploadNode node)
    {
        if (await AskedAsync(node, HttpMethod.Delete) is not { } answer) return;
        answer.Status.ShouldBeOneOf(204, 409, 410, 423);
        if (answer.Status == 204) isDeleted = true;
    }

    private bool IsGone(Answer answer)
    {
        if (answer.Status is not (404 or 410)) return false;
        mayBeDeleted.ShouldBeTrue($"{address} is gone, and nobody took it back: {answer.Text}");
        isDeleted = true;
        return true;
    }

    private bool Heard(Answer answer, long sentTo)
    {
        if (IsGone(answer)) return true;
        answer.Status.ShouldBeOneOf(204, 409, 423);
        if (answer.Status != 204) return false;
        Offset(answer).ShouldBe(sentTo);
        return Heard(answer);
    }

    private bool Heard(Answer answer)
    {
        var offset = Offset(answer);
        lock (door)
        {
            acknowledged = Math.Max(acknowledged, offset);
            if (answer["Location"] is { } job) jobs.Add(job);
            return answer["Location"] is not null;
        }
    }

    private static long Offset(Answer answer) => long.Parse(answer["Upload-Offset"].ShouldNotBeNull(), CultureInfo.InvariantCulture);

    private static (string, string) Checksum(byte[] chunk) =>
        ("Upload-Checksum", $"sha256 {Convert.ToBase64String(SHA256.HashData(chunk))}");
}
