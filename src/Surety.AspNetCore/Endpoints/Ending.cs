using Microsoft.AspNetCore.Http;

namespace Surety.AspNetCore.Endpoints;

/// <summary>How a command's unit of work ends.</summary>
internal enum Ending
{
    /// <summary>Effects and answer are kept.</summary>
    Commit,

    /// <summary>Effects are undone; the answer is kept, because the same request would be refused for the same reason.</summary>
    Refuse,

    /// <summary>Nothing is kept: the same request may well succeed next time.</summary>
    Fail,
}

/// <summary>Decides from the status alone. Pure.</summary>
internal static class Endings
{
    public static Ending Of(int status) => status switch
    {
        < 400 => Ending.Commit,
        StatusCodes.Status400BadRequest or StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden
            or StatusCodes.Status408RequestTimeout or 425
            or StatusCodes.Status428PreconditionRequired or StatusCodes.Status429TooManyRequests => Ending.Fail,
        < 500 => Ending.Refuse,
        _ => Ending.Fail,
    };
}
