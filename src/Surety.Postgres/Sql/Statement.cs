using Npgsql;
using NpgsqlTypes;

namespace Surety.Postgres.Sql;

/// <summary>Typed, positional parameters for one statement.</summary>
internal static class Statement
{
    /// <summary>Does nothing, and is refused where a statement has failed before.</summary>
    public const string Nothing = "SELECT";

    /// <summary>Ends the transaction it is in.</summary>
    public const string Commit = "COMMIT";

    public static NpgsqlBatchCommand Of(string sql) => new(sql);

    public static NpgsqlBatchCommand With(this NpgsqlBatchCommand command, long value) =>
        Add(command, new NpgsqlParameter<long> { TypedValue = value });

    public static NpgsqlBatchCommand With(this NpgsqlBatchCommand command, int value) =>
        Add(command, new NpgsqlParameter<int> { TypedValue = value });

    public static NpgsqlBatchCommand With(this NpgsqlBatchCommand command, short value) =>
        Add(command, new NpgsqlParameter<short> { TypedValue = value });

    public static NpgsqlBatchCommand With(this NpgsqlBatchCommand command, bool value) =>
        Add(command, new NpgsqlParameter<bool> { TypedValue = value });

    public static NpgsqlBatchCommand With(this NpgsqlBatchCommand command, TimeSpan value) =>
        Add(command, new NpgsqlParameter<TimeSpan> { TypedValue = value });

    public static NpgsqlBatchCommand With(this NpgsqlBatchCommand command, byte[] value) =>
        Add(command, new NpgsqlParameter<byte[]> { TypedValue = value });

    public static NpgsqlBatchCommand With(this NpgsqlBatchCommand command, ReadOnlyMemory<byte> value) =>
        Add(command, new NpgsqlParameter<ReadOnlyMemory<byte>> { TypedValue = value });

    /// <summary>A name: one that cannot be kept is refused, because another text would name something else.</summary>
    /// <exception cref="ArgumentException">It holds U+0000 or half a surrogate pair.</exception>
    public static NpgsqlBatchCommand With(this NpgsqlBatchCommand command, string value) =>
        Add(command, new NpgsqlParameter<string> { TypedValue = Name(value) });

    public static NpgsqlBatchCommand With<T>(this NpgsqlBatchCommand command, T[] values) =>
        Add(command, new NpgsqlParameter<T[]> { TypedValue = values });

    /// <inheritdoc cref="With(NpgsqlBatchCommand, string)"/>
    public static NpgsqlBatchCommand WithName(this NpgsqlBatchCommand command, string? value) =>
        Add(command, Name(value), NpgsqlDbType.Text);

    /// <inheritdoc cref="With(NpgsqlBatchCommand, string)"/>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(value))]
    public static string? Name(string? value) =>
        StoredText.IsStorable(value) ? value : throw new ArgumentException($"The text {StoredText.Fault}.", nameof(value));

    /// <summary>Text that describes something: whatever it holds is made storable.</summary>
    public static NpgsqlBatchCommand WithText(this NpgsqlBatchCommand command, string? value) =>
        Add(command, Storable(value), NpgsqlDbType.Text);

    public static NpgsqlBatchCommand WithTexts(this NpgsqlBatchCommand command, string?[] values) =>
        Add(
            command,
            new NpgsqlParameter { Value = Array.ConvertAll(values, Storable), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });

    public static NpgsqlBatchCommand WithBigint(this NpgsqlBatchCommand command, long? value) => Add(command, value, NpgsqlDbType.Bigint);

    public static NpgsqlBatchCommand WithInterval(this NpgsqlBatchCommand command, TimeSpan? value) =>
        Add(command, value, NpgsqlDbType.Interval);

    public static NpgsqlBatchCommand WithBytes(this NpgsqlBatchCommand command, byte[]? value) => Add(command, value, NpgsqlDbType.Bytea);

    public static NpgsqlBatchCommand WithInstant(this NpgsqlBatchCommand command, DateTimeOffset? value) =>
        Add(command, value is { } instant ? RoundUp(instant) : null, NpgsqlDbType.TimestampTz);

    public static NpgsqlBatchCommand WithInstants(this NpgsqlBatchCommand command, DateTime?[] values) =>
        Add(command, new NpgsqlParameter { Value = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });

    /// <summary>The database keeps microseconds; "no sooner than" must not become sooner.</summary>
    public static DateTime RoundUp(DateTimeOffset instant)
    {
        var ticks = instant.UtcTicks;
        var rest = ticks % TimeSpan.TicksPerMicrosecond;
        return new DateTime(rest == 0 ? ticks : ticks + TimeSpan.TicksPerMicrosecond - rest, DateTimeKind.Utc);
    }

    public static string? TextOrNull(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    public static long? LongOrNull(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    public static DateTimeOffset Instant(this NpgsqlDataReader row, int column) => new(row.GetDateTime(column), TimeSpan.Zero);

    public static DateTimeOffset? InstantOrNull(this NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.Instant(column);

    public static byte[] Bytes(this NpgsqlDataReader row, int column) => row.GetFieldValue<byte[]>(column);

    private static string? Storable(string? text) => text is null ? null : StoredText.Storable(text);

    private static NpgsqlBatchCommand Add(NpgsqlBatchCommand command, object? value, NpgsqlDbType type) =>
        Add(command, new NpgsqlParameter { Value = value ?? DBNull.Value, NpgsqlDbType = type });

    private static NpgsqlBatchCommand Add(NpgsqlBatchCommand command, NpgsqlParameter parameter)
    {
        command.Parameters.Add(parameter);
        return command;
    }
}
