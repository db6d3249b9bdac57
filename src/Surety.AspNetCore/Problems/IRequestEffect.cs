namespace Surety.AspNetCore.Problems;

/// <summary>
/// What a request's command knows of its effect; a feature of the request. A problem asks it before it says <c>outcome: none</c>.
/// </summary>
internal interface IRequestEffect
{
    /// <summary>
    /// A COMMIT was sent, of this request's or of one that vouches for the request it repeats: whatever is thrown from now on, nobody may
    /// say that nothing happened, unless the store or a look-up has said so.
    /// </summary>
    bool MayHaveEffect { get; }
}
