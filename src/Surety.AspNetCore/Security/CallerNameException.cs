using Microsoft.AspNetCore.Http;

namespace Surety.AspNetCore.Security;

/// <summary>A caller's name is longer than OpenID Connect allows a subject to be, and than what is kept with jobs and uploads.</summary>
/// <param name="length">How long it is.</param>
internal sealed class CallerNameException(int length) : BadHttpRequestException(
    $"The caller's name has {length} characters; at most {StoredText.LongestOwner} are taken. Use a credential with a shorter one.",
    StatusCodes.Status403Forbidden);
