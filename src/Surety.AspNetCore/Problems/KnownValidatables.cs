#pragma warning disable ASP0029 // The framework's validation of minimal APIs calls its extension points experimental.
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Validation;

namespace Surety.AspNetCore.Problems;

/// <summary>
/// Remembers what the resolvers say of a type. The generated ones describe it anew, every property with it, for every request.
/// </summary>
internal sealed class KnownValidatables(IValidatableInfoResolver[] resolvers) : IValidatableInfoResolver
{
    // The types are those of the application's own code, and so bounded.
    private readonly ConcurrentDictionary<Type, IValidatableInfo?> known = [];

    public bool TryGetValidatableTypeInfo(Type type, [NotNullWhen(true)] out IValidatableInfo? validatableInfo) =>
        (validatableInfo = known.TryGetValue(type, out var info) ? info : known.GetOrAdd(type, Resolve)) is not null;

    // Asked once an endpoint.
    public bool TryGetValidatableParameterInfo(ParameterInfo parameterInfo, [NotNullWhen(true)] out IValidatableInfo? validatableInfo)
    {
        validatableInfo = null;
        foreach (var resolver in resolvers)
        {
            if (resolver.TryGetValidatableParameterInfo(parameterInfo, out validatableInfo)) return true;
        }

        return false;
    }

    private IValidatableInfo? Resolve(Type type)
    {
        foreach (var resolver in resolvers)
        {
            if (resolver.TryGetValidatableTypeInfo(type, out var info)) return info;
        }

        return null;
    }

    /// <summary>Stands in front once the host has named its resolvers.</summary>
    internal sealed class InFront : IPostConfigureOptions<ValidationOptions>
    {
        public void PostConfigure(string? name, ValidationOptions options)
        {
            if (options.Resolvers.Count == 0) return;
            var all = new KnownValidatables([.. options.Resolvers]);
            options.Resolvers.Clear();
            options.Resolvers.Add(all);
        }
    }
}
