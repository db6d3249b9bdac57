using Surety.Postgres;
using Surety.Storage;
using Surety.StoreContract;

namespace Surety.Tests.Postgres;

/// <summary>The schema of a later version, which says that this program can work with it: the shape of every rolling update.</summary>
public sealed class NewerSchemaFixture : PostgresFixture
{
    private static readonly int Newest = Migrations.All[^1].Version;

    private protected override IReadOnlyList<Migration> AllMigrations =>
    [
        .. Migrations.All,
        new(
            Newest + 1,
            "later",
            $"""
            -- Programs that know version {Newest} can work with it.
            ALTER TABLE $schema$.message ADD COLUMN later text NOT NULL DEFAULT '', ADD COLUMN latest bigint;
            ALTER TABLE $schema$.node ADD COLUMN later int NOT NULL DEFAULT 1;
            CREATE INDEX message_later ON $schema$.message (later) WHERE latest IS NOT NULL;
            CREATE TABLE $schema$.later (message_id bigint PRIMARY KEY);
            """,
            ""),
    ];
}

// What a program does all day, on the schema of the next one.
public sealed class NewerSchemaEnqueueTests : EnqueueContract<NewerSchemaFixture>;
public sealed class NewerSchemaClaimTests : ClaimContract<NewerSchemaFixture>;
public sealed class NewerSchemaSettleTests : SettleContract<NewerSchemaFixture>;
public sealed class NewerSchemaRescueTests : RescueContract<NewerSchemaFixture>;
public sealed class NewerSchemaExactlyOnceTests : ExactlyOnceContract<NewerSchemaFixture>;
