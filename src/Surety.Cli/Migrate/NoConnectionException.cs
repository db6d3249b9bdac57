namespace Surety.Cli.Migrate;

/// <summary>Nothing says where the database is.</summary>
internal sealed class NoConnectionException(string variable)
    : Exception($"No connection string: say --connection, or set {variable}.");
