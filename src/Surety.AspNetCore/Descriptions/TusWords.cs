namespace Surety.AspNetCore.Descriptions;

/// <summary>The words of tus 1.0.0 that endpoints speak and the document describes.</summary>
internal static class TusWords
{
    public const string Version = "1.0.0";
    public const string Resumable = "Tus-Resumable";
    public const string UploadOffset = "Upload-Offset";
    public const string UploadLength = "Upload-Length";
    public const string UploadDeferLength = "Upload-Defer-Length";
    public const string UploadMetadata = "Upload-Metadata";
    public const string UploadExpires = "Upload-Expires";
    public const string UploadChecksum = "Upload-Checksum";
    public const string UploadConcat = "Upload-Concat";
    public const string MethodOverride = "X-HTTP-Method-Override";
    public const string OffsetStream = "application/offset+octet-stream";
    public const string Extensions = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination";
    public const string ChecksumAlgorithms = "sha1,sha256";

    /// <summary>What scripts of another origin may read, once the host's CORS policy lets them in.</summary>
    public const string Exposed =
        "Location, Link, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, "
            + "Upload-Defer-Length, Upload-Metadata, Upload-Expires, Retry-After";
}
