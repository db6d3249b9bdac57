using Microsoft.OpenApi;

namespace Surety;

/// <summary>
/// An attribute that says in the OpenAPI document what it means: a validation attribute of the application's own, above all, so that
/// clients learn its rule before they break it.
/// </summary>
public interface IDescribesSchema
{
    /// <summary>Adds what the attribute means to the schema of the member or parameter it stands at.</summary>
    /// <param name="schema">As the framework made it.</param>
    void Describe(OpenApiSchema schema);
}
