using System.Reflection;
using System.Text;

namespace Surety.Tests.Conventions;

/// <summary>What users can call of an assembly, and what its PublicApi.txt says of it.</summary>
internal sealed record PublicSurface(string Now, string WrittenDown)
{
    public static PublicSurface Of(string assembly)
    {
        var golden = Path.Combine(Repository.Root, "src", assembly, "PublicApi.txt");
        var now = Describe(Assembly.Load(assembly));
        if (Environment.GetEnvironmentVariable("SURETY_ACCEPT") == "1") File.WriteAllText(golden, now);
        return new PublicSurface(now, File.ReadAllText(golden));
    }

    private static string Describe(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes().OrderBy(t => t.FullName, StringComparer.Ordinal))
        {
            text.Append(type.FullName).Append('\n');
            var members = type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
                .Where(m => m is not MethodInfo { IsSpecialName: true } || m.Name.StartsWith("op_", StringComparison.Ordinal))
                .Where(m => !m.Name.Contains('<', StringComparison.Ordinal)
                    && m.Name is not ("ToString" or "Equals" or "GetHashCode" or "PrintMembers" or "Deconstruct" or "op_Equality"
                        or "op_Inequality"))
                .Select(m => $"    {m}".Replace("Surety.", "", StringComparison.Ordinal).Replace("System.", "", StringComparison.Ordinal));
            foreach (var member in members.Distinct().OrderBy(m => m, StringComparer.Ordinal)) text.Append(member).Append('\n');
        }

        return text.ToString();
    }
}
