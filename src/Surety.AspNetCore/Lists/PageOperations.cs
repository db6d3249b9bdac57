using Microsoft.OpenApi;
using Surety.AspNetCore.Descriptions;
using Surety.AspNetCore.Problems;

namespace Surety.AspNetCore.Lists;

/// <summary>What the document says of lists.</summary>
internal static class PageOperations
{
    public static void Describe(OpenApiOperation operation, OperationSite site)
    {
        foreach (var token in operation.Parameters?.OfType<OpenApiParameter>().Where(p => p.Name == Paging.Token) ?? [])
        {
            token.Description ??= "The nextPageToken of the page before; none for the first. It holds for 24 h, for this caller and this "
                + "query.";
            if (token.Schema is OpenApiSchema { MaxLength: null } schema) schema.MaxLength = 1_300;
        }

        AnswerHeaders.AddTo(operation.Responses!["200"], site.Document, AnswerHeaders.Link);
        site.Refusals.Add(
            new Refusal(
                400, ProblemCodes.CursorInvalid,
                "pageToken is not one that this list gave to this caller for this query, or is older than 24 h. Begin again without it."));
    }
}
