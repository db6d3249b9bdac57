using Shouldly;
using Surety.Intake;

namespace Surety.Tests.Uploads;

public class ChainedStreamTests
{
    // Each piece gives more than counts, as a file that somebody still writes does.
    private static readonly byte[][] Pieces = [[1, 2, 3, 99, 99], [4, 99], [5, 6, 99]];
    private static readonly int[] Counts = [3, 1, 2];

    [Fact]
    public async Task Pieces_are_read_as_one_from_any_byte_and_no_further_than_they_count()
    {
        for (var from = 0; from <= 7; from++)
        {
            await using var stream = await ChainedStream.OpenAsync(6, from, OpenAsync, default);
            using var read = new MemoryStream();
            await stream.CopyToAsync(read);
            read.ToArray().ShouldBe(new byte[] { 1, 2, 3, 4, 5, 6 }[Math.Min(from, 6)..], $"from {from}");
        }
    }

    [Fact]
    public async Task It_can_be_read_without_waiting_and_again()
    {
        await using var stream = await ChainedStream.OpenAsync(6, 0, OpenAsync, default);
        for (var times = 0; times < 2; times++)
        {
            using var read = new MemoryStream();
            int one;
            while ((one = stream.ReadByte()) >= 0) read.WriteByte((byte)one);
            read.ToArray().ShouldBe([1, 2, 3, 4, 5, 6]);
            stream.Seek(-6, SeekOrigin.End).ShouldBe(0);
        }

        stream.Position = 4;
        stream.ReadByte().ShouldBe(5);
        stream.Length.ShouldBe(6);
    }

    [Fact]
    public async Task A_piece_that_ends_too_soon_is_not_the_end_of_the_whole()
    {
        await using var stream = await ChainedStream.OpenAsync(6, 0, (_, _) => new((new MemoryStream([1, 2]), 6)), default);
        await Should.ThrowAsync<EndOfStreamException>(async () => await stream.CopyToAsync(Stream.Null));
    }

    private static ValueTask<(Stream, long)> OpenAsync(long position, CancellationToken cancel)
    {
        var piece = 0;
        for (; position >= Counts[piece]; piece++) position -= Counts[piece];
        return new((new MemoryStream(Pieces[piece]) { Position = position }, Counts[piece] - position));
    }
}
