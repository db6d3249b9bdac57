using Microsoft.AspNetCore.Http;

namespace Surety.AspNetCore.Idempotency;

/// <summary>What a client would rather have than the committed answer, such as the job's result in place of its 202.</summary>
internal interface IPreferredAnswer
{
    /// <summary>
    /// To be asked when status and headers are on the response and no byte is sent. Null when the answer is to go out as it is.
    /// </summary>
    Task<IResult?> InsteadAsync(HttpContext http);
}
