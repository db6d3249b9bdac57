namespace Surety.Postgres.Sql;

/// <summary>The statements on the tables that messages are in.</summary>
/// <param name="s">The quoted schema.</param>
internal sealed class MessageTables(string s)
{
    public MessageSql Messages { get; } = new(s);
    public MessageInfoSql Infos { get; } = new(s);
    public AttemptSql Attempts { get; } = new(s);
    public UniqueSql Unique { get; } = new(s);
    public QueueSql Queues { get; } = new(s);
    public NodeSql Nodes { get; } = new(s);
}
