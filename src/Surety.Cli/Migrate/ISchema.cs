namespace Surety.Cli.Migrate;

/// <summary>A store's schema, as people handle it.</summary>
internal interface ISchema
{
    /// <summary>The version this program needs.</summary>
    int Newest { get; }

    /// <summary>The version there is; 0 when there is none.</summary>
    Task<int> VersionAsync(CancellationToken cancel);

    Task UpAsync(CancellationToken cancel);

    Task DownAsync(int version, CancellationToken cancel);

    string Script(int from, int to);
}
