using System.Data;
using Microsoft.Data.Sqlite;

namespace Surety.Sqlite.Writer;

/// <summary>
/// The application's own statements on the connection that writes, kept prepared by their text from one unit of work to the next: preparing
/// one costs several times what running it does, and every request runs the same few. Not safe for concurrent use;
/// <see cref="WriterConnection"/> guards it.
/// </summary>
internal sealed class KeptCommands(SqliteConnection connection)
{
    private const int Most = 256;

    // SQLite keeps copies of the values bound last; large ones are not worth their memory.
    private const int LargestValue = 4_096;

    private readonly Dictionary<string, KeptCommand> byText = new(StringComparer.Ordinal);
    private readonly List<KeptCommand> lent = [];

    /// <summary>Runs the command's text with its parameters.</summary>
    public SqliteDataReader Execute(SqliteCommand given, CommandBehavior behavior)
    {
        var by = Lend(given.CommandText);
        by.CommandTimeout = given.CommandTimeout;
        by.Parameters.Clear();
        foreach (SqliteParameter parameter in given.Parameters)
        {
            by.Parameters.Add(parameter);
            if (parameter.Value is byte[] { Length: > LargestValue } or string { Length: > LargestValue }) by.IsKept = false;
        }

        try
        {
            return by.ExecuteReader(behavior);
        }
        catch
        {
            by.IsKept = false;
            throw;
        }
    }

    public void Prepare(string text) => Lend(text).Prepare();

    /// <summary>Ends a turn: closes what is still open, and forgets what is not kept.</summary>
    public void TakeBack()
    {
        foreach (var command in lent)
        {
            command.IsLent = false;
            command.CloseReader();
            command.Parameters.Clear();
            if (command.IsKept) continue;
            if (byText.GetValueOrDefault(command.CommandText) == command) byText.Remove(command.CommandText);
            command.Dispose();
        }

        lent.Clear();
    }

    public void Clear()
    {
        foreach (var command in byText.Values) command.Dispose();
        byText.Clear();
    }

    private void ForgetIdle()
    {
        foreach (var (text, command) in byText)
        {
            if (command.IsReading) continue;
            byText.Remove(text);
            command.Dispose();
        }

        lent.RemoveAll(c => !c.IsReading);
    }

    private KeptCommand Lend(string text)
    {
        if (!byText.TryGetValue(text, out var command))
        {
            if (byText.Count >= Most) ForgetIdle();
            byText[text] = command = New(isKept: true);
        }
        else if (command.IsReading)
        {
            // It needs a statement of its own, which goes with the turn.
            command = New(isKept: false);
        }

        if (!command.IsLent)
        {
            command.IsLent = true;
            lent.Add(command);
        }

        return command;

#pragma warning disable CA2100 // The application's own text.
        KeptCommand New(bool isKept) => new() { Connection = connection, CommandText = text, IsKept = isKept };
#pragma warning restore CA2100
    }
}

/// <summary>One text, with its prepared statements.</summary>
internal sealed class KeptCommand : SqliteCommand
{
    public bool IsKept { get; set; }

    /// <summary>Used in this turn.</summary>
    public bool IsLent { get; set; }

    public bool IsReading => DataReader is not null;

    public void CloseReader() => DataReader?.Dispose();
}
