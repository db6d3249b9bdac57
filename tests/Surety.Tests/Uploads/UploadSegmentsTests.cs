using Shouldly;
using Surety.Intake;
using Surety.Storage;

namespace Surety.Tests.Uploads;

public class UploadSegmentsTests
{
    [Fact]
    public void What_the_row_says_is_what_was_written()
    {
        var segments = UploadSegments.Of(Row(0, null)).With(new("0a", 1, 10)).With(new("0a", 1, 15, "a note: of any kind"))
            .With(new("0a", 7, 5_000_000_000, ""));
        segments.Text.ShouldBe("1 15 a note: of any kind\n7 5000000000 ");
        var read = UploadSegments.Of(Row(5_000_000_015, segments.Text));
        read.All.ShouldBe([new("0a", 1, 15, "a note: of any kind"), new("0a", 7, 5_000_000_000, "")]);
        read.Text.ShouldBe(segments.Text);
        UploadSegments.Of(Row(0, null)).ShouldSatisfyAllConditions(s => s.All.ShouldBeEmpty(), s => s.Text.ShouldBeNull());
    }

    [Fact]
    public void A_byte_is_found_in_its_segment()
    {
        var segments = UploadSegments.Of(Row(30, "1 10\n2 5\n4 15"));
        foreach (var (position, number, from) in new[] { (0, 1, 0), (9, 1, 9), (10, 2, 0), (14, 2, 4), (15, 4, 0), (29, 4, 14) })
            segments.At(position).ShouldSatisfyAllConditions(at => at.Segment.Number.ShouldBe(number), at => at.From.ShouldBe(from));
        Should.Throw<ArgumentOutOfRangeException>(() => segments.At(30));
    }

    [Theory]
    [InlineData(true, "1 10\n2 5", 15, 2, 5)]
    [InlineData(false, "1 10\n2 5", 15, 9, 0)]
    [InlineData(true, null, 0, 9, 0)]
    // Written before there were segments: another program may have it open.
    [InlineData(true, null, 15, 9, 0)]
    [InlineData(true, "an-id-of-S3s", 15, 9, 0)]
    public void A_writer_goes_on_only_in_a_segment_that_was_handed_over(
        bool isHandedOver, string? blob, long offset, long number, long length)
    {
        var row = Row(offset, blob) with { Writer = 9, IsHandedOver = isHandedOver };
        UploadSegments.Of(row).Next(row).ShouldSatisfyAllConditions(s => s.Number.ShouldBe(number), s => s.Length.ShouldBe(length));
    }

    [Fact]
    public void What_was_written_before_there_were_segments_is_one() =>
        UploadSegments.Of(Row(15, "an-id-of-S3s")).All.ShouldHaveSingleItem().ShouldBe(new("0a", 0, 15, "an-id-of-S3s"));

    [Fact]
    public void A_row_that_contradicts_itself_is_not_believed() =>
        Should.Throw<StoreException>(() => UploadSegments.Of(Row(16, "1 10\n2 5"))).Message.ShouldContain("16 bytes");

    [Fact]
    public void There_are_only_so_many()
    {
        var row = Row(UploadSegments.Most, string.Join('\n', Enumerable.Range(1, UploadSegments.Most).Select(i => $"{i} 1"))) with
        {
            Writer = 5_000,
        };
        Should.Throw<StoreException>(() => UploadSegments.Of(row).Next(row)).Message.ShouldContain("begin a new one");
        UploadSegments.Of(row).Next(row with { IsHandedOver = true }).Number.ShouldBe(UploadSegments.Most);
    }

    private static UploadRecord Row(long offset, string? blob) => new()
    {
        Id = "0a", Route = "/files", Owner = "ada", State = UploadState.Open, Offset = offset, Blob = blob,
        Metadata = new Dictionary<string, string>(), CreatedAt = default, ExpiresAt = default,
    };
}
