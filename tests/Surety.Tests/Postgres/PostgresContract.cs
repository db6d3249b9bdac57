using Surety.StoreContract;
using Surety.StoreContract.Model;

namespace Surety.Tests.Postgres;

// The suite that every store passes, on PostgreSQL.
public sealed class PostgresEnqueueTests : EnqueueContract<PostgresFixture>;
public sealed class PostgresTransactionTests : TransactionContract<PostgresFixture>;
public sealed class PostgresDueTests : DueContract<PostgresFixture>;
public sealed class PostgresOrderingKeyTests : OrderingKeyContract<PostgresFixture>;
public sealed class PostgresUniqueKeyTests : UniqueKeyContract<PostgresFixture>;
public sealed class PostgresClaimTests : ClaimContract<PostgresFixture>;
public sealed class PostgresSettleTests : SettleContract<PostgresFixture>;
public sealed class PostgresFencingTests : FencingContract<PostgresFixture>;
public sealed class PostgresRescueTests : RescueContract<PostgresFixture>;
public sealed class PostgresNodeTests : NodeContract<PostgresFixture>;
public sealed class PostgresCancelTests : CancelContract<PostgresFixture>;
public sealed class PostgresHistoryTests : HistoryContract<PostgresFixture>;
public sealed class PostgresDeadLetterTests : DeadLetterContract<PostgresFixture>;
public sealed class PostgresListTests : ListContract<PostgresFixture>;
public sealed class PostgresQueueTests : QueueContract<PostgresFixture>;
public sealed class PostgresIdempotencyTests : IdempotencyContract<PostgresFixture>;
public sealed class PostgresApiKeyTests : ApiKeyContract<PostgresFixture>;
public sealed class PostgresQuotaTests : QuotaContract<PostgresFixture>;
public sealed class PostgresUploadTests : UploadContract<PostgresFixture>;
public sealed class PostgresWakeUpTests : WakeUpContract<PostgresFixture>;
public sealed class PostgresRetentionTests : RetentionContract<PostgresFixture>;
public sealed class PostgresOpenTests : OpenContract<PostgresFixture>;

public sealed class PostgresExactlyOnceTests : ExactlyOnceContract<PostgresFixture>;

public sealed class PostgresModelTests : ModelContract<PostgresFixture>
{
    protected override int Stories => 15;

    protected override int MostMisses => 24;
}
