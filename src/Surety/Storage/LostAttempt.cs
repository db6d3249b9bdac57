namespace Surety.Storage;

/// <summary>Why an attempt ended without its handler's word, as its history says.</summary>
internal static class LostAttempt
{
    public const string ProcessEnded = "The process that held it ended.";
    public const string AnswerLost = "The connection broke before the process learned that it held it.";
}
