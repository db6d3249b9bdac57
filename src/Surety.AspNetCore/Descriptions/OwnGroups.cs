using System.Collections.Frozen;

namespace Surety.AspNetCore.Descriptions;

/// <summary>The groups of endpoints that Surety maps by itself: what the document calls them and says of them.</summary>
internal static class OwnGroups
{
    public const string JobsTag = "Jobs";
    public const string UploadsTag = "Uploads";

    /// <summary>Where a job is followed: what an answer with 202 links to.</summary>
    public const string JobsPath = "/jobs";

    public static FrozenDictionary<string, string> Descriptions { get; } = new Dictionary<string, string>
    {
        [JobsTag] = "Work that was accepted with 202: follow it, fetch its result, cancel it.",
        [UploadsTag] = "Files, resumable by tus 1.0.0 or in one multipart form.",
    }.ToFrozenDictionary(StringComparer.Ordinal);
}
