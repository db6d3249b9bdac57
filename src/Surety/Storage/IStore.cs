namespace Surety.Storage;

/// <summary>The store as a whole: opened once at start, asked for its health afterwards.</summary>
internal interface IStore
{
    /// <summary>Names this store's data for ever: made when the schema is, 32 hexadecimal digits. Valid once open.</summary>
    string StoreId { get; }

    /// <summary>
    /// The same for every process of this store, and no other's: 32 random bytes that sign what callers are handed and have to bring back
    /// unchanged. Valid once open.
    /// </summary>
    ReadOnlyMemory<byte> SigningKey { get; }

    /// <summary>Opens the store, brings its schema up to date and checks that it is as durable as its profile says.</summary>
    /// <exception cref="StoreException">
    /// It cannot be used: locked, read-only, full, foreign, newer than this program, or less durable than asked. Says which and what to do.
    /// </exception>
    Task OpenAsync(CancellationToken cancel);

    /// <summary>Asks the store for its state now, with a round trip; never throws.</summary>
    ValueTask<StoreStatus> CheckAsync(CancellationToken cancel);

    /// <summary>
    /// What an exception of the database's own library means; null when it is not of this store's kind of database. Pure, and about one
    /// exception: a caller that has one with others inside asks about each. Errors say what went wrong and not where, so one of another
    /// database of the same kind is taken for one of this.
    /// </summary>
    DatabaseFailure? Classify(Exception failure) => null;
}

/// <summary>What an error of the database means.</summary>
/// <param name="Kind">Whose fault it is.</param>
/// <param name="Constraint">The constraint that was violated, as the database names it; null when it was none, or has no name.</param>
internal readonly record struct DatabaseFailure(FailureKind Kind, string? Constraint = null);

/// <summary>A store's state.</summary>
/// <param name="Ready">It can be reached and used.</param>
/// <param name="Detail">
/// What is wrong, or what it is: product, version, durability profile, schema version. Never a path or a secret.
/// </param>
internal readonly record struct StoreStatus(bool Ready, string Detail);
