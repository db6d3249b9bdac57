using System.Security.Cryptography;
using Surety.Storage;

namespace Surety.AspNetCore.Security;

/// <summary>
/// Signs what callers are handed and have to bring back unchanged, so that nothing of it has to be remembered. Every process of one store
/// signs alike.
/// </summary>
internal sealed class Signatures(IStore store)
{
    public byte[] Sign(string purpose, params ReadOnlySpan<string> parts) =>
        HMACSHA256.HashData(store.SigningKey.Span, Digest.OfSigned(purpose, parts));
}
