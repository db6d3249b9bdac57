using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Surety.Sqlite.Sql;

/// <summary>
/// The prepared statements of one connection, each prepared once. Not safe for concurrent use, like the connection itself.
/// </summary>
internal sealed class Statements(sqlite3 connection) : IDisposable
{
    // By reference: the texts are constants, and hashing a long text on every use would cost more than some of the statements.
    private readonly Dictionary<string, Statement> prepared = new(ReferenceComparer.Instance);

    public sqlite3 Connection => connection;

    /// <summary>Set when a message may have become claimable since the last commit.</summary>
    public bool MadeWork { get; set; }

    /// <summary>The statement, ready to be bound.</summary>
    /// <param name="sql">A constant.</param>
    public Statement Prepare(string sql)
    {
        if (!prepared.TryGetValue(sql, out var statement)) prepared[sql] = statement = new Statement(connection, sql);
        return statement.Start();
    }

    /// <summary>Runs a statement without parameters to its end.</summary>
    public int Run(string sql) => Prepare(sql).Run();

    public long LastId => raw.sqlite3_last_insert_rowid(connection);

    public void Dispose()
    {
        foreach (var statement in prepared.Values) statement.Dispose();
        prepared.Clear();
    }

    private sealed class ReferenceComparer : IEqualityComparer<string>
    {
        public static readonly ReferenceComparer Instance = new();
        public bool Equals(string? x, string? y) => ReferenceEquals(x, y);
        public int GetHashCode(string obj) => RuntimeHelpers.GetHashCode(obj);
    }
}

/// <summary>One prepared statement: bind the parameters in order, then step through the rows or run to the end.</summary>
internal sealed class Statement : IDisposable
{
    private readonly sqlite3 connection;
    private readonly sqlite3_stmt handle;
    private int bound;

    public Statement(sqlite3 connection, string sql)
    {
        this.connection = connection;
        Check(raw.sqlite3_prepare_v2(connection, sql, out handle));
    }

    /// <summary>Makes it ready to be bound anew; a run that was left half-way is over.</summary>
    public Statement Start()
    {
        raw.sqlite3_reset(handle);
        bound = 0;
        return this;
    }

    public Statement With(long value)
    {
        Check(raw.sqlite3_bind_int64(handle, ++bound, value));
        return this;
    }

    public Statement With(bool value) => With(value ? 1L : 0L);

    public Statement With(long? value) => value is { } number ? With(number) : WithNull();

    public Statement With(DateTimeOffset value) => With(value.ToUnixTimeMilliseconds());

    public Statement With(DateTimeOffset? value) => With(value?.ToUnixTimeMilliseconds());

    /// <summary>Text that describes something: whatever it holds is made storable.</summary>
    public Statement WithText(string? value) => With(value is null ? null : StoredText.Storable(value));

    /// <summary>A name, or null: one that cannot be kept is refused, because another text would name something else.</summary>
    /// <exception cref="ArgumentException">It holds U+0000 or half a surrogate pair.</exception>
    public Statement With(string? value)
    {
        if (value is null) return WithNull();
        if (!StoredText.IsStorable(value)) throw new ArgumentException($"The text {StoredText.Fault}.", nameof(value));
        if (value.Length == 0)
        {
            Check(raw.sqlite3_bind_text(handle, ++bound, ""));
            return this;
        }

        var most = Encoding.UTF8.GetMaxByteCount(value.Length);
        var rented = most > 512 ? ArrayPool<byte>.Shared.Rent(most) : null;
        var buffer = rented ?? stackalloc byte[512];
        var length = Encoding.UTF8.GetBytes(value, buffer);
        var code = raw.sqlite3_bind_text(handle, ++bound, buffer[..length]);
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        Check(code);
        return this;
    }

    public Statement With(ReadOnlySpan<byte> value)
    {
        bound++;
        // The library hands an empty span over as a null pointer, which SQLite takes for NULL.
        Check(value.IsEmpty ? raw.sqlite3_bind_zeroblob(handle, bound, 0) : raw.sqlite3_bind_blob(handle, bound, value));
        return this;
    }

    private Statement WithNull()
    {
        Check(raw.sqlite3_bind_null(handle, ++bound));
        return this;
    }

    /// <summary>Goes to the next row. At the end the statement is reset, so that it holds no lock.</summary>
    public bool Step()
    {
        var code = raw.sqlite3_step(handle);
        if (code == raw.SQLITE_ROW) return true;
        if (code != raw.SQLITE_DONE)
        {
            var failure = Failure(code);
            raw.sqlite3_reset(handle);
            throw failure;
        }

        raw.sqlite3_reset(handle);
        return false;
    }

    /// <summary>Runs to the end and returns how many rows were changed.</summary>
    public int Run()
    {
        while (Step())
        {
        }

        return raw.sqlite3_changes(connection);
    }

    /// <summary>The first column of the first row; null when there is no row or it is NULL.</summary>
    public long? Number()
    {
        var value = Step() ? LongOrNull(0) : null;
        raw.sqlite3_reset(handle);
        return value;
    }

    /// <summary>The first column of the first row; null when there is no row or it is NULL.</summary>
    public string? Text()
    {
        var value = Step() ? TextOrNull(0) : null;
        raw.sqlite3_reset(handle);
        return value;
    }

    /// <summary>Reads the first row; null when there is none.</summary>
    public T? One<T>(Func<Statement, T> read) where T : class
    {
        var value = Step() ? read(this) : null;
        raw.sqlite3_reset(handle);
        return value;
    }

    /// <summary>Reads every row.</summary>
    public List<T> All<T>(Func<Statement, T> read)
    {
        var values = new List<T>();
        while (Step()) values.Add(read(this));
        return values;
    }

    /// <summary>Reads the row of a statement that changes one and returns it, and runs to the end; null when there is none.</summary>
    public T? Changed<T>(Func<Statement, T> read) where T : class => Changed<T?>(read, null);

    /// <summary>Reads the row of a statement that changes one and returns it, and runs to the end.</summary>
    /// <param name="read">Reads it.</param>
    /// <param name="none">What it is when there is none.</param>
    public T Changed<T>(Func<Statement, T> read, T none)
    {
        while (Step()) none = read(this);
        return none;
    }

    /// <summary>Whether there is a row.</summary>
    public bool Any() => Number() is not null;

    public bool IsNull(int column) => raw.sqlite3_column_type(handle, column) == raw.SQLITE_NULL;

    public long Long(int column) => raw.sqlite3_column_int64(handle, column);

    public int Int(int column) => raw.sqlite3_column_int(handle, column);

    public bool Bool(int column) => raw.sqlite3_column_int(handle, column) != 0;

    public long? LongOrNull(int column) => IsNull(column) ? null : Long(column);

    public string Text(int column) => Encoding.UTF8.GetString(raw.sqlite3_column_blob(handle, column));

    public string? TextOrNull(int column) => IsNull(column) ? null : Text(column);

    public ReadOnlySpan<byte> Bytes(int column) => raw.sqlite3_column_blob(handle, column);

    public DateTimeOffset Instant(int column) => DateTimeOffset.FromUnixTimeMilliseconds(Long(column));

    public DateTimeOffset? InstantOrNull(int column) => IsNull(column) ? null : Instant(column);

    public void Dispose() => handle.Dispose();

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK) throw Failure(code);
    }

    private SqliteException Failure(int code) =>
        new(raw.sqlite3_errmsg(connection).utf8_to_string(), code & 0xff, raw.sqlite3_extended_errcode(connection));
}
