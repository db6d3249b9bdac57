using Microsoft.Extensions.DependencyInjection;
using Surety.Storage;

namespace Surety.Hosting;

/// <summary>What a store gives the host, noun by noun. A noun that can be pruned is pruned by being here.</summary>
internal sealed class StoreNouns<TStore>(IServiceCollection services) where TStore : class, IStore
{
    public StoreNouns<TStore> Add<TNoun>(Func<TStore, TNoun> of) where TNoun : class => Add((store, _) => of(store));

    /// <summary>The same for a noun that needs more of the host than its store.</summary>
    public StoreNouns<TStore> Add<TNoun>(Func<TStore, IServiceProvider, TNoun> of) where TNoun : class
    {
        services.AddSingleton(provider => of(provider.GetRequiredService<TStore>(), provider));
        if (typeof(TNoun).IsAssignableTo(typeof(IPrunable))) services.AddSingleton(p => (IPrunable)p.GetRequiredService<TNoun>());
        return this;
    }
}
