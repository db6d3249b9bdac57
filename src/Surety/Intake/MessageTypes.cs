using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;

namespace Surety.Intake;

/// <summary>
/// Stored names of message types, and the queue each kind goes to unless an enqueue says otherwise. A stored name is one type's on a host:
/// messages of another type with this name would be read as the first one, and lose what that one does not have.
/// </summary>
internal sealed class MessageTypes
{
    public const string DefaultQueue = "default";

    private readonly ConcurrentDictionary<Type, StoredType> known = [];
    private readonly ConcurrentDictionary<string, Type> owners;
    private readonly IReadOnlyDictionary<string, string> queues;
    private readonly JsonSerializerOptions json;

    /// <param name="handled">The types this host handles, by kind.</param>
    /// <param name="queues">The queues of those kinds.</param>
    /// <param name="json">How payloads are written.</param>
    public MessageTypes(IReadOnlyDictionary<string, Type> handled, IReadOnlyDictionary<string, string> queues, JsonSerializerOptions json)
    {
        owners = new ConcurrentDictionary<string, Type>(handled);
        (this.queues, this.json) = (queues, json);
    }

    /// <summary>How messages of a type are stored.</summary>
    /// <exception cref="ArgumentException">The type has no stored name, or its name is another type's on this host.</exception>
    public StoredType Of(Type type) => known.TryGetValue(type, out var stored) ? stored : known.GetOrAdd(type, Find(type));

    public string QueueOf(string kind) => queues.GetValueOrDefault(kind, DefaultQueue);

    /// <summary>The type's own attribute, checked; null when it has none.</summary>
    public static MessageAttribute? Read(Type type) =>
        type.GetCustomAttribute<MessageAttribute>(inherit: false) is not { } attribute ? null
            : !Names.AreValid(attribute.Kind)
                ? throw new ArgumentException(
                    $"{type.Name}: the message kind \"{attribute.Kind}\" is not a name. {Names.Rule}", nameof(type))
            : attribute.Version < 1
                ? throw new ArgumentException($"{type.Name}: the message version {attribute.Version} must be 1 or more.", nameof(type))
            : attribute;

    public static ArgumentException Nameless(Type type) =>
        new($"{type.Name} has no [Message(\"…\")] attribute. Give it one: its name is what the database keeps.", nameof(type));

    private StoredType Find(Type type)
    {
        if (Read(type) is not { } attribute) return OfBase(type) ?? throw Nameless(type);

        // Of names that this host does not handle, a type owns the one that is enqueued first; before it a base of the same name, as which
        // a worker would read it.
        var owner = owners.GetOrAdd(attribute.Kind, static (kind, given) => Topmost(given, kind), type);
        if (owner == type) return new StoredType(attribute.Kind, attribute.Version, type);
        if (type.IsSubclassOf(owner)) return AsDerived(type, owner);
        throw new ArgumentException(
            $"{owner.Name} and {type.Name} have the same stored name \"{attribute.Kind}\": a {type.Name} would be read as a {owner.Name}, "
            + "and its content would be lost. Give one of them another name.",
            nameof(type));
    }

    private static Type Topmost(Type type, string kind)
    {
        var topmost = type;
        for (var up = type.BaseType; up is not null; up = up.BaseType)
        {
            if (Read(up)?.Kind == kind) topmost = up;
        }

        return topmost;
    }

    /// <summary>A type without a name of its own is stored as its nearest base that has one; null when there is none.</summary>
    private StoredType? OfBase(Type type)
    {
        for (var up = type.BaseType; up is not null; up = up.BaseType)
        {
            if (Read(up) is not null) return AsDerived(type, Of(up).Declared);
        }

        return null;
    }

    private StoredType AsDerived(Type type, Type declared)
    {
        var attribute = Read(declared)!;
        // Only then does the payload say which of them it is.
        if (IsDeclared(type, declared)) return new StoredType(attribute.Kind, attribute.Version, declared);
        throw new ArgumentException(
            $"{type.Name} is a {declared.Name}, which is stored as \"{attribute.Kind}\" and read as a {declared.Name}: what {type.Name} "
            + "adds would be lost. "
            + $"Declare it on {declared.Name} with [JsonDerivedType(typeof({type.Name}), \"…\")], or give {type.Name} a "
            + "[Message(\"…\")] name of its own and a handler.",
            nameof(type));
    }

    private bool IsDeclared(Type type, Type declared)
    {
        foreach (var derived in json.GetTypeInfo(declared).PolymorphismOptions?.DerivedTypes ?? [])
        {
            // Without a discriminator it is written, and read as its base.
            if (derived.DerivedType == type) return derived.TypeDiscriminator is not null;
        }

        return false;
    }
}

/// <summary>How messages of a type are stored.</summary>
/// <param name="Kind">The stored name.</param>
/// <param name="Version">The version of the payload's shape.</param>
/// <param name="Declared">As what the payload is written and read: the type itself, or the base it is a declared derivative of.</param>
internal sealed record StoredType(string Kind, int Version, Type Declared);

/// <summary>The one rule for stored names of kinds and queues.</summary>
internal static class Names
{
    public const string Rule = "Use 1 to 100 characters out of a-z, 0-9, '.', '-' and '_'.";

    public static bool AreValid(string? name) =>
        name is { Length: >= 1 and <= 100 } && name.AsSpan().IndexOfAnyExcept(Allowed) < 0;

    /// <exception cref="ArgumentException">It is not a name of a queue.</exception>
    public static void ThrowIfNoName(string queue)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(queue);
        if (!AreValid(queue)) throw new ArgumentException($"\"{StoredText.Cut(queue, 40)}\" is not a queue name. {Rule}", nameof(queue));
    }

    private static readonly System.Buffers.SearchValues<char> Allowed = System.Buffers.SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyz0123456789.-_");
}
