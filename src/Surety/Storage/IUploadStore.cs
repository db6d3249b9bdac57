using System.Data.Common;

namespace Surety.Storage;

/// <summary>
/// What is known of uploads: how far each has come, and what became of it. Their bytes are in an <see cref="IBlobStore"/>.
/// </summary>
public interface IUploadStore
{
    /// <summary>Stores a new upload of nothing so far.</summary>
    /// <param name="upload">What its client says of it.</param>
    /// <param name="expireAfter">How long it may stay unfinished.</param>
    /// <param name="mostOpen">How many unfinished ones its owner may have, this one included.</param>
    /// <param name="cancel">Gives up before it is stored.</param>
    /// <returns>Null when its owner has too many.</returns>
    ValueTask<UploadRecord?> AddAsync(NewUpload upload, TimeSpan expireAfter, int mostOpen, CancellationToken cancel);

    /// <summary>
    /// Finds an upload; null when there is none. Finding writes (a barrier): what it returns is durable, so that a client may be told of
    /// it.
    /// </summary>
    ValueTask<UploadRecord?> FindAsync(string id, CancellationToken cancel);

    /// <summary>Whether there is such an upload, whatever became of it.</summary>
    ValueTask<bool> ExistsAsync(string id, CancellationToken cancel);

    /// <summary>
    /// Finds an upload as <see cref="FindAsync"/> does. When it is open, at this offset, and of this route and owner, it also makes the
    /// caller its writer, under the next number: no earlier writer changes the row from then on. Somebody else's upload is found and not
    /// taken, so that nobody stops another's writer.
    /// </summary>
    /// <param name="id">The upload.</param>
    /// <param name="route">The route the caller came by.</param>
    /// <param name="owner">Who the caller is.</param>
    /// <param name="offset">Where the caller wants to write on.</param>
    /// <param name="cancel">Gives up. The number may have been taken all the same; that shuts out earlier writers and nobody else.</param>
    /// <returns>Null when there is none. <see cref="UploadRecord.Writer"/> is the caller's number, or 0 when it did not become the
    /// writer.</returns>
    ValueTask<UploadRecord?> TakeAsync(string id, string route, string owner, long offset, CancellationToken cancel);

    /// <summary>
    /// Says how long it will be, once. False when that was said before, it is not open, or the caller is not its newest writer.
    /// </summary>
    ValueTask<bool> SetLengthAsync(string id, long writer, long length, CancellationToken cancel);

    /// <summary>
    /// Moves the offset on. False, and nothing is changed, unless the upload is open and has not expired, the caller is its newest writer,
    /// and its offset is the step's beginning.
    /// </summary>
    ValueTask<bool> AdvanceAsync(string id, UploadStep step, CancellationToken cancel);

    /// <summary>
    /// Completes it, in the transaction that enqueues its message. False unless it is open and all of it is there. Asks for no number: an
    /// upload of which all is there does not change any more, so everybody who completes it completes the same, and the first commit wins.
    /// </summary>
    /// <param name="id">The upload.</param>
    /// <param name="sha256">The digest of what is stored; 32 bytes.</param>
    /// <param name="message">The message that was enqueued for it.</param>
    /// <param name="transaction">That transaction.</param>
    /// <param name="cancel">Gives up.</param>
    ValueTask<bool> CompleteAsync(string id, ReadOnlyMemory<byte> sha256, MessageId message, DbTransaction transaction, CancellationToken cancel);

    /// <summary>
    /// Moves it from one state to another. False unless it is in the first. One that is not open has no writer: none changes its row from
    /// then on.
    /// </summary>
    /// <param name="id">The upload.</param>
    /// <param name="from">Where it has to be.</param>
    /// <param name="to">Where it goes.</param>
    /// <param name="lookAfter">When <see cref="DueAsync"/> tells of it again.</param>
    /// <param name="cancel">Gives up.</param>
    ValueTask<bool> EndAsync(string id, UploadState from, UploadState to, TimeSpan lookAfter, CancellationToken cancel);

    /// <summary>
    /// Those that somebody has to look at now (an open one that expired, a completed one, one that ended a while ago), the longest waiting
    /// first.
    /// </summary>
    ValueTask<IReadOnlyList<UploadRecord>> DueAsync(int limit, CancellationToken cancel);

    /// <summary>Puts off the next look.</summary>
    ValueTask LookAgainAsync(string id, TimeSpan after, CancellationToken cancel);

    /// <summary>Forgets it, when it has ended: consumed, expired or deleted.</summary>
    ValueTask RemoveAsync(string id, CancellationToken cancel);
}

/// <summary>What a client says of an upload when it begins.</summary>
public sealed record NewUpload
{
    /// <summary>Unguessable; lower-case hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>The route it was begun at; it exists at no other.</summary>
    public required string Route { get; init; }

    /// <summary>Who it belongs to.</summary>
    public required string Owner { get; init; }

    /// <summary>How many bytes it will have; null when that is said later.</summary>
    public long? Length { get; init; }

    /// <summary>Names and values of the client's, a file name for one.</summary>
    public required IReadOnlyDictionary<string, string> Metadata { get; init; }
}

/// <summary>An upload as it is stored.</summary>
public sealed record UploadRecord
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>The route it was begun at.</summary>
    public required string Route { get; init; }

    /// <summary>Who it belongs to.</summary>
    public required string Owner { get; init; }

    /// <summary>
    /// What became of it. An open one that has expired is <see cref="UploadState.Expired"/>, whether or not anybody has looked at it.
    /// </summary>
    public required UploadState State { get; init; }

    /// <summary>How many bytes are durable.</summary>
    public required long Offset { get; init; }

    /// <summary>How many bytes it will have; null when that was not said.</summary>
    public long? Length { get; init; }

    /// <summary>Names and values of the client's.</summary>
    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>Of which segments its bytes consist, as the newest writer's last step said; null when nothing was written yet.</summary>
    public string? Blob { get; init; }

    /// <summary>The caller's number as its writer; 0 when it is not. Only <see cref="IUploadStore.TakeAsync"/> gives one.</summary>
    public long Writer { get; init; }

    /// <summary>
    /// Whether the writer before the caller has said that it writes no more, so that the caller may go on in the same segment. Only <see
    /// cref="IUploadStore.TakeAsync"/> says so.
    /// </summary>
    public bool IsHandedOver { get; init; }

    /// <summary>The digest of the whole, once complete; else empty.</summary>
    public ReadOnlyMemory<byte> Sha256 { get; init; }

    /// <summary>The message that was enqueued for it, once complete.</summary>
    public MessageId? Message { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it expires, unless it is complete by then.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Whether all of it is there to be read.</summary>
    public bool IsReadable => State is UploadState.Complete or UploadState.Handled;

    /// <summary>Whether it was completed, and has a message: even if its bytes are deleted since.</summary>
    public bool WasCompleted => IsReadable || State == UploadState.Consumed;
}

/// <summary>How a writer moves an upload on.</summary>
/// <param name="Writer">Its number.</param>
/// <param name="From">The offset it found, or moved to before.</param>
/// <param name="To">How many bytes are durable now; not below <paramref name="From"/>.</param>
/// <param name="Blob">Of which segments these bytes consist.</param>
/// <param name="IsLast">The writer has closed its segment and takes no further step.</param>
public readonly record struct UploadStep(long Writer, long From, long To, string? Blob, bool IsLast = false);

/// <summary>What became of an upload. The numbers are stored.</summary>
public enum UploadState
{
    /// <summary>Bytes may still come.</summary>
    Open = 1,

    /// <summary>All of it is there, and its message is enqueued.</summary>
    Complete = 2,

    /// <summary>Its message has been handled, and its bytes are deleted.</summary>
    Consumed = 3,

    /// <summary>It was not finished in time.</summary>
    Expired = 4,

    /// <summary>Its client took it back, or what came was not what was announced.</summary>
    Deleted = 5,

    /// <summary>Its message has been handled, and its bytes stay for as long as <see cref="SuretyOptions.KeepUploads"/> says.</summary>
    Handled = 6,
}
