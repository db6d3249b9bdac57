using Microsoft.OpenApi;

namespace Surety.AspNetCore.Descriptions;

/// <summary>What is described once among a document's components, and referred to. Only what is used gets there.</summary>
internal static class DocumentParts
{
    public static OpenApiHeaderReference Header(this OpenApiDocument document, string id, Func<OpenApiHeader> make)
    {
        if (document.Components?.Headers?.ContainsKey(id) != true) document.AddComponent<IOpenApiHeader>(id, make());
        return new OpenApiHeaderReference(id, document);
    }

    public static OpenApiParameterReference Parameter(this OpenApiDocument document, string id, Func<OpenApiParameter> make)
    {
        if (document.Components?.Parameters?.ContainsKey(id) != true) document.AddComponent<IOpenApiParameter>(id, make());
        return new OpenApiParameterReference(id, document);
    }

    public static OpenApiResponseReference Response(this OpenApiDocument document, string id, OpenApiResponse response)
    {
        if (document.Components?.Responses?.ContainsKey(id) != true) document.AddComponent<IOpenApiResponse>(id, response);
        return new OpenApiResponseReference(id, document);
    }

    public static OpenApiSchemaReference Schema(this OpenApiDocument document, string id, Func<OpenApiSchema> make)
    {
        if (document.Components?.Schemas?.ContainsKey(id) != true) document.AddComponent<IOpenApiSchema>(id, make());
        return new OpenApiSchemaReference(id, document);
    }

    public static OpenApiSecuritySchemeReference SecurityScheme(this OpenApiDocument document, string id, Func<OpenApiSecurityScheme> make)
    {
        if (document.Components?.SecuritySchemes?.ContainsKey(id) != true) document.AddComponent<IOpenApiSecurityScheme>(id, make());
        return new OpenApiSecuritySchemeReference(id, document);
    }
}
