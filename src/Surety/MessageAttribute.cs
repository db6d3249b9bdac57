namespace Surety;

/// <summary>
/// Gives a message type its stored name. The name, not the CLR type, is what the database keeps, so types may be renamed and moved freely.
/// On a host a name is one type's; a type that derives from another message type has its own name, or is declared on that base with
/// <c>[JsonDerivedType]</c> and a discriminator, and is then handled as the base.
/// </summary>
/// <param name="kind">
/// The stored name, such as <c>transfer.posted</c>: 1 to 100 characters out of lower-case letters, digits, <c>.</c>, <c>-</c> and <c>_</c>.
/// Never change it while messages of the kind are stored.
/// </param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct, Inherited = false)]
public sealed class MessageAttribute(string kind) : Attribute
{
    /// <summary>The stored name.</summary>
    public string Kind { get; } = kind;

    /// <summary>
    /// The version of the payload's shape. Default 1. Raise it when a stored payload can no longer be read as it is, and register an
    /// upcaster for each older version (<c>SuretyBuilder.Upcast</c>).
    /// </summary>
    public int Version { get; init; } = 1;
}
