namespace Surety.Rigs;

/// <summary>The run could not be made; nothing is known of any promise.</summary>
internal sealed class RigException(string message) : Exception(message);
