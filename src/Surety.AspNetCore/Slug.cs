namespace Surety.AspNetCore;

/// <summary>The form of a problem's code and of a quota's name: a part of a URI or a header that needs no escaping. Pure.</summary>
internal static class Slug
{
    public static bool Is(string text) => text.Length > 0 && text.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    public static void ThrowIfNotOne(string code)
    {
        ArgumentException.ThrowIfNullOrEmpty(code);
        if (Is(code)) return;
        throw new ArgumentException(
            $"The problem code \"{code}\" must be lower-case letters, digits and \"-\": it is part of a URI.", nameof(code));
    }
}
