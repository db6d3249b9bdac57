using System.Collections.Concurrent;
using System.Reflection;

namespace Surety.Intake;

/// <summary>Stored names of message types, and the queue each kind goes to unless an enqueue says otherwise.</summary>
internal sealed class MessageTypes(IReadOnlyDictionary<string, string> queues)
{
    public const string DefaultQueue = "default";

    private readonly ConcurrentDictionary<Type, MessageAttribute> attributes = [];

    public MessageAttribute Of(Type type) => attributes.GetOrAdd(type, Read);

    public string QueueOf(string kind) => queues.GetValueOrDefault(kind, DefaultQueue);

    private static MessageAttribute Read(Type type) =>
        type.GetCustomAttribute<MessageAttribute>(inherit: false) is not { } attribute
            ? throw new ArgumentException($"{type.Name} has no [Message(\"…\")] attribute. Give it one: its name is what the database keeps.", nameof(type))
            : !Names.AreValid(attribute.Kind)
                ? throw new ArgumentException($"{type.Name}: the message kind \"{attribute.Kind}\" is not a name. {Names.Rule}", nameof(type))
                : attribute.Version < 1
                    ? throw new ArgumentException($"{type.Name}: the message version {attribute.Version} must be 1 or more.", nameof(type))
                    : attribute;
}

/// <summary>The one rule for stored names of kinds and queues.</summary>
internal static class Names
{
    public const string Rule = "Use 1 to 100 characters out of a-z, 0-9, '.', '-' and '_'.";

    public static bool AreValid(string? name) =>
        name is { Length: >= 1 and <= 100 } && name.AsSpan().IndexOfAnyExcept(Allowed) < 0;

    /// <summary>Whether every database can keep it as it is.</summary>
    public static bool IsText(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            if (System.Text.Rune.DecodeFromUtf16(text, out var rune, out var length) != System.Buffers.OperationStatus.Done || rune.Value == 0) return false;
            text = text[length..];
        }

        return true;
    }

    private static readonly System.Buffers.SearchValues<char> Allowed = System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789.-_");
}
