namespace Surety;

/// <summary>
/// Finished uploads, for the handlers of the messages that were enqueued for them. Injected as a singleton; safe for concurrent use.
/// </summary>
public interface IUploads
{
    /// <summary>
    /// What is known of a finished upload; null when there is none of this id, it is not finished, or its content is deleted.
    /// </summary>
    /// <exception cref="StoreException">The store cannot be reached.</exception>
    ValueTask<Upload?> FindAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>
    /// Opens a finished upload's content for reading from a byte on. It is there until the message that was enqueued for it has succeeded
    /// or was cancelled (a dead letter keeps it), and for
    /// <see cref="SuretyOptions.KeepUploads"/> longer.
    /// </summary>
    /// <param name="id">The upload.</param>
    /// <param name="from">The first byte to read; the rest is neither read nor fetched.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RejectException">
    /// There is no finished upload of this id, or its content is deleted: trying again would not help.
    /// </exception>
    /// <exception cref="StoreException">The store or the blob store cannot be reached.</exception>
    ValueTask<Stream> OpenAsync(string id, long from = 0, CancellationToken cancellationToken = default);
}

/// <summary>An upload that is complete: all of it is stored, and it is what its client announced.</summary>
/// <param name="Id">Unguessable; put it into the message.</param>
/// <param name="Owner">The principal that sent it; null when anonymous.</param>
/// <param name="Length">How many bytes it has.</param>
/// <param name="Sha256">The digest of what is stored: 64 lower-case hexadecimal digits.</param>
/// <param name="FileName">What the client calls it, or null. Not a path to anything of ours: never open a file by it.</param>
/// <param name="ContentType">What the client says it is, or null.</param>
/// <param name="Metadata">Everything the client says of it, these two included.</param>
/// <param name="CreatedAt">When it began.</param>
public sealed record Upload(
    string Id, string? Owner, long Length, string Sha256, string? FileName, string? ContentType,
    IReadOnlyDictionary<string, string> Metadata, DateTimeOffset CreatedAt);
