namespace Surety.Storage;

/// <summary>
/// What an exception says of the store's database, wherever it stands among the exceptions that were wrapped around it: EF Core puts the
/// database's own error into one of its own, and applications do the same.
/// </summary>
/// <param name="Kind">Whose fault it is.</param>
/// <param name="Constraint">The violated constraint's name, if any.</param>
/// <param name="InDoubt">A commit was sent, and its end is unknown.</param>
internal readonly record struct KnownFailure(FailureKind Kind, string? Constraint, bool InDoubt)
{
    // Deeper than anybody wraps, and a bound.
    private const int Deepest = 16;

    /// <summary>Null when nothing in it is of the store's kind of database. Pure.</summary>
    public static KnownFailure? In(Exception? exception, IStore store)
    {
        StoreException? own = null;
        for (var depth = 0; exception is not null && depth < Deepest; depth++, exception = exception.InnerException)
        {
            if (store.Classify(exception) is { } failure)
                return new KnownFailure(own?.Kind ?? failure.Kind, failure.Constraint, own?.InDoubt == true);
            own ??= exception as StoreException;
        }

        return own is null ? null : new KnownFailure(own.Kind, null, own.InDoubt);
    }
}
