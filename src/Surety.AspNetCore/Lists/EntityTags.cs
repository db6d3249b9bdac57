using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Surety.AspNetCore.Lists;

/// <summary>Compares entity tags by RFC 9110. Pure.</summary>
internal static class EntityTags
{
    /// <summary>For If-None-Match: weakly, so that a tag a proxy has weakened still spares the body.</summary>
    public static bool AnyMatches(StringValues header, string tag) => Any(header, tag, strongly: false);

    /// <summary>For If-Match: strongly. What cannot be read matches nothing.</summary>
    public static bool AnyMatchesStrongly(StringValues header, string tag) => Any(header, tag, strongly: true);

    private static bool Any(StringValues header, string tag, bool strongly)
    {
        if (header.Count == 0 || !EntityTagHeaderValue.TryParseList(header, out var tags)) return false;
        var own = EntityTagHeaderValue.Parse(tag);
        return tags.Any(t => t.Equals(EntityTagHeaderValue.Any) || t.Compare(own, useStrongComparison: strongly));
    }
}
