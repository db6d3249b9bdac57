using Surety.StoreContract;

namespace Surety.Tests.Sqlite;

// The suite that every store passes, on SQLite.
public sealed class SqliteEnqueueTests : EnqueueContract<SqliteFixture>;
public sealed class SqliteTransactionTests : TransactionContract<SqliteFixture>;
public sealed class SqliteDueTests : DueContract<SqliteFixture>;
public sealed class SqliteOrderingKeyTests : OrderingKeyContract<SqliteFixture>;
public sealed class SqliteUniqueKeyTests : UniqueKeyContract<SqliteFixture>;
public sealed class SqliteClaimTests : ClaimContract<SqliteFixture>;
public sealed class SqliteSettleTests : SettleContract<SqliteFixture>;
public sealed class SqliteFencingTests : FencingContract<SqliteFixture>;
public sealed class SqliteRescueTests : RescueContract<SqliteFixture>;
public sealed class SqliteNodeTests : NodeContract<SqliteFixture>;
