using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Surety.AspNetCore.OpenApi;

/// <summary>
/// The run of the program in which the build's generator only wants its document. It starts the whole host, on a server that listens to
/// nobody.
/// </summary>
internal static class DocumentBuild
{
    /// <summary>The generator loads the program into a process of its own.</summary>
    public static bool IsOn => Assembly.GetEntryAssembly()?.GetName().Name == "GetDocument.Insider";

    /// <summary>
    /// Starts none of the host's services but the web application: a build must not open the database it finds configured, and work there.
    /// </summary>
    public static void StartNothing(IServiceCollection services) =>
        // A list that is registered as such takes the place of those that are registered one by one, before it and after it.
        services.AddSingleton<IEnumerable<IHostedService>>(provider =>
        [
            .. services.Where(s => s.ServiceType == typeof(IHostedService)
                && s.ImplementationType?.FullName == "Microsoft.AspNetCore.Hosting.GenericWebHostService")
                .Select(s => (IHostedService)ActivatorUtilities.CreateInstance(provider, s.ImplementationType!)),
        ]);
}
