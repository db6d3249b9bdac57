namespace Surety.Rigs.Sql;

/// <summary>What the rig asks of its server by itself.</summary>
internal static class ServerSql
{
    public const string CutConnections =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
}
