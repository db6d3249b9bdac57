using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;

namespace Surety.Hosting;

/// <summary>
/// Finds what a handler needs and nobody registered, without making anything: at the start a missing service is one sentence, later it is
/// one dead letter for each message. What a factory or an instance of the application's gives is believed.
/// </summary>
internal sealed class Dependencies(IServiceCollection services, IServiceProviderIsKeyedService known)
{
    private readonly HashSet<Type> seen = [];

    /// <summary>What is missing, one sentence each.</summary>
    /// <param name="handler">The registered service.</param>
    public IEnumerable<string> Missing(Type handler) => Of(handler, handler.Name);

    private IEnumerable<string> Of(Type service, string path)
    {
        if (!seen.Add(service) || Implementation(service) is not { } implementation) return [];
        List<string>? fewest = null;
        // The container takes the constructor with the most parameters that it can fill. One that it can fill entirely is enough.
        foreach (var constructor in implementation.GetConstructors())
        {
            var missing = constructor.GetParameters().SelectMany(p => Of(p, path)).ToList();
            if (fewest is null || missing.Count < fewest.Count) fewest = missing;
        }

        return fewest ?? [$"{path} has no public constructor, so it cannot be made."];
    }

    private IEnumerable<string> Of(ParameterInfo parameter, string path)
    {
        var type = parameter.ParameterType;
        if (parameter.GetCustomAttribute<ServiceKeyAttribute>() is not null) return [];
        if (parameter.GetCustomAttribute<FromKeyedServicesAttribute>() is { } keyed)
        {
            return parameter.HasDefaultValue || known.IsKeyedService(type, keyed.Key)
                ? []
                : [$"{path} needs {Shown(type)} under the key \"{keyed.Key}\", which is not registered."];
        }

        if (known.IsService(type)) return Of(type, $"{path}, which needs {Shown(type)},");
        return parameter.HasDefaultValue ? [] : [$"{path} needs {Shown(type)}, which is not registered."];
    }

    /// <summary>Null where nobody but the container or the application knows how the service is made.</summary>
    [return: DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)]
    private Type? Implementation(Type service)
    {
        for (var i = services.Count - 1; i >= 0; i--)
        {
            if (services[i].ServiceType == service && !services[i].IsKeyedService) return services[i].ImplementationType;
        }

        return null;
    }

    private static string Shown(Type type) => type.IsGenericType
        ? $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GenericTypeArguments.Select(Shown))}>"
        : type.Name;
}
