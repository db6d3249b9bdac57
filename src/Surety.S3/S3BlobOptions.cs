namespace Surety;

/// <summary>Where in S3, or in a store that speaks its protocol, uploads are kept.</summary>
public sealed class S3BlobOptions
{
    /// <summary>The bucket; it must exist. Required.</summary>
    public string Bucket { get; set; } = "";

    /// <summary>What every key begins with, such as <c>uploads/</c>. Default empty.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>The address of a store that is not Amazon's. Default null: Amazon's, in <see cref="Region"/>.</summary>
    public Uri? ServiceUrl { get; set; }

    /// <summary>The region, <c>eu-central-1</c> for one. Default <c>us-east-1</c>; other stores than Amazon's sign with it.</summary>
    public string Region { get; set; } = "us-east-1";

    /// <summary>The access key. Default null: whatever the AWS SDK finds (environment, profile, the machine's role).</summary>
    public string? AccessKey { get; set; }

    /// <summary>The secret that belongs to <see cref="AccessKey"/>. Take it from the host's configuration, never from the source.</summary>
    public string? SecretKey { get; set; }

    /// <summary>
    /// The size of a part, 5 MiB to 512 MiB. Default 8 MiB. Each part is an object; each request that sends bytes holds one in memory, and
    /// a crash costs a client at most one. What was begun with another size goes on with that one.
    /// </summary>
    public int PartBytes { get; set; } = 8 << 20;

    internal IEnumerable<string> Faults()
    {
        if (string.IsNullOrWhiteSpace(Bucket)) yield return "Bucket is missing.";
        if (ServiceUrl is { IsAbsoluteUri: false }) yield return $"ServiceUrl (\"{ServiceUrl}\") must be absolute.";
        if (AccessKey is null != SecretKey is null) yield return "AccessKey and SecretKey come together, or not at all.";
        if (PartBytes is < 5 << 20 or > 512 << 20) yield return $"PartBytes ({PartBytes}) must be 5 MiB to 512 MiB.";
    }
}
