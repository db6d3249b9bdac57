using Surety.StoreContract;
using Surety.StoreContract.Model;

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
public sealed class SqliteCancelTests : CancelContract<SqliteFixture>;
public sealed class SqliteHistoryTests : HistoryContract<SqliteFixture>;
public sealed class SqliteDeadLetterTests : DeadLetterContract<SqliteFixture>;
public sealed class SqliteListTests : ListContract<SqliteFixture>;
public sealed class SqliteQueueTests : QueueContract<SqliteFixture>;
public sealed class SqliteIdempotencyTests : IdempotencyContract<SqliteFixture>;
public sealed class SqliteApiKeyTests : ApiKeyContract<SqliteFixture>;
public sealed class SqliteQuotaTests : QuotaContract<SqliteFixture>;
public sealed class SqliteUploadTests : UploadContract<SqliteFixture>;
public sealed class SqliteWakeUpTests : WakeUpContract<SqliteFixture>;
public sealed class SqliteRetentionTests : RetentionContract<SqliteFixture>;
public sealed class SqliteOpenTests : OpenContract<SqliteFixture>;
public sealed class SqliteTextContractTests : TextContract<SqliteFixture>;
public sealed class SqliteModelTests : ModelContract<SqliteFixture>;
public sealed class SqliteExactlyOnceTests : ExactlyOnceContract<SqliteFixture>;
