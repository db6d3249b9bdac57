namespace Surety.Storage;

/// <summary>What every public call that writes asks first.</summary>
internal static class WriteBeside
{
    /// <summary>Refuses the call when its flow of control is in a unit of work on this store, which it does not take part in.</summary>
    /// <param name="store">Where it writes.</param>
    /// <param name="call">Its name, for people.</param>
    /// <param name="advice">What to do instead.</param>
    /// <exception cref="InvalidOperationException">It is.</exception>
    public static void ThrowIfBeside(this IStore store, string call, string advice = AmbientUnit.TakesNoPart)
    {
        // The id is not read before it is needed: a store that is not open has none.
        if (AmbientUnit.IsAny) AmbientUnit.Check(store.StoreId, call, advice);
    }
}
