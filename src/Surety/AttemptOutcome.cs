using System.Text.Json.Serialization;

namespace Surety;

/// <summary>How an attempt ended. In JSON the name in lower case, such as <c>"retry"</c>.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AttemptOutcome>))]
public enum AttemptOutcome
{
    /// <summary>A newer version of this program wrote it.</summary>
    [JsonStringEnumMemberName("unknown")]
    Unknown,

    /// <summary>It succeeded.</summary>
    [JsonStringEnumMemberName("done")]
    Done,

    /// <summary>It failed, and the message is tried again.</summary>
    [JsonStringEnumMemberName("retry")]
    Retry,

    /// <summary>It failed, and the message was given up.</summary>
    [JsonStringEnumMemberName("reject")]
    Reject,

    /// <summary>The message was put off; the attempt did not count.</summary>
    [JsonStringEnumMemberName("snooze")]
    Snooze,

    /// <summary>The message was cancelled.</summary>
    [JsonStringEnumMemberName("cancel")]
    Cancel,

    /// <summary>Its process died.</summary>
    [JsonStringEnumMemberName("lost")]
    Lost,

    /// <summary>No attempt: a person put the dead letter back into its queue.</summary>
    [JsonStringEnumMemberName("requeue")]
    Requeue,
}

/// <summary>What the stores keep of an <see cref="AttemptOutcome"/>: its name in lower case.</summary>
internal static class StoredOutcome
{
    public static string Text(AttemptOutcome outcome) => outcome switch
    {
        AttemptOutcome.Done => "done",
        AttemptOutcome.Retry => "retry",
        AttemptOutcome.Reject => "reject",
        AttemptOutcome.Snooze => "snooze",
        AttemptOutcome.Cancel => "cancel",
        AttemptOutcome.Lost => "lost",
        AttemptOutcome.Requeue => "requeue",
        _ => throw new ArgumentOutOfRangeException(nameof(outcome), outcome, "No attempt ends like this."),
    };

    public static AttemptOutcome Read(string text) => text switch
    {
        "done" => AttemptOutcome.Done,
        "retry" => AttemptOutcome.Retry,
        "reject" => AttemptOutcome.Reject,
        "snooze" => AttemptOutcome.Snooze,
        "cancel" => AttemptOutcome.Cancel,
        "lost" => AttemptOutcome.Lost,
        "requeue" => AttemptOutcome.Requeue,
        _ => AttemptOutcome.Unknown,
    };
}
