using System.Text.RegularExpressions;
using Npgsql;
using Shouldly;
using Surety.Postgres.Hosting;
using Surety.Postgres.Migrations;
using Surety.Storage;
using Surety.StoreContract;
using Surety.Tests.Conventions;

namespace Surety.Tests.Postgres;

/// <summary>
/// The store works as a role that owns nothing and has what docs/operations/postgres.md grants, word for word; on the schema of a later
/// version, which says that this program can work with it: the shape of every rolling update. Both at once, because most of what could fail
/// is in neither.
/// </summary>
public sealed partial class LimitedFixture : PostgresFixture
{
    private static readonly int Newest = PostgresMigrations.All[^1].Version;

    private protected override IReadOnlyList<Migration> AllMigrations =>
    [
        .. PostgresMigrations.All,
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

    private protected override async Task<string> UserAsync(PostgresServer server, string schema, string owner)
    {
        var role = $"app_{schema}";
        var page = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "operations", "postgres.md"));
        var grants = Grants().Match(page).Groups["sql"].Value;
        grants.ShouldContain("GRANT USAGE ON SCHEMA");
        grants = SchemaName().Replace(RoleName().Replace(OwnerName().Replace(grants, "ROLE surety_"), role), schema)
            .Replace("surety_", "surety", StringComparison.Ordinal);
        await server.ExecuteAsync(
            $"CREATE ROLE {role} LOGIN; {grants}; GRANT SELECT ON {schema}.clock TO {role}; GRANT ALL ON {schema}.effect TO {role}");
        return new NpgsqlConnectionStringBuilder(owner) { Username = role }.ToString();
    }

    [GeneratedRegex("<!-- grants -->\n```sql\n(?<sql>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Grants();

    [GeneratedRegex(@"\bROLE owner\b", RegexOptions.None, 1000)]
    private static partial Regex OwnerName();

    [GeneratedRegex(@"\bapp\b", RegexOptions.None, 1000)]
    private static partial Regex RoleName();

    [GeneratedRegex(@"\bsurety\b", RegexOptions.None, 1000)]
    private static partial Regex SchemaName();
}

// Every statement there is, but for those the other classes only repeat.
public sealed class LimitedRoleEnqueueTests : EnqueueContract<LimitedFixture>;
public sealed class LimitedRoleClaimTests : ClaimContract<LimitedFixture>;
public sealed class LimitedRoleUniqueKeyTests : UniqueKeyContract<LimitedFixture>;
public sealed class LimitedRoleOrderingKeyTests : OrderingKeyContract<LimitedFixture>;
public sealed class LimitedRoleSettleTests : SettleContract<LimitedFixture>;
public sealed class LimitedRoleRescueTests : RescueContract<LimitedFixture>;
public sealed class LimitedRoleCancelTests : CancelContract<LimitedFixture>;
public sealed class LimitedRoleDeadLetterTests : DeadLetterContract<LimitedFixture>;
public sealed class LimitedRoleQueueTests : QueueContract<LimitedFixture>;
public sealed class LimitedRoleRetentionTests : RetentionContract<LimitedFixture>;
public sealed class LimitedRoleIdempotencyTests : IdempotencyContract<LimitedFixture>;
public sealed class LimitedRoleQuotaTests : QuotaContract<LimitedFixture>;
public sealed class LimitedRoleUploadTests : UploadContract<LimitedFixture>;
public sealed class LimitedRoleApiKeyTests : ApiKeyContract<LimitedFixture>;
public sealed class LimitedRoleWakeUpTests : WakeUpContract<LimitedFixture>;
public sealed class LimitedRoleExactlyOnceTests : ExactlyOnceContract<LimitedFixture>;

public sealed class LimitedRoleTests
{
    [Fact]
    public async Task A_role_without_rights_is_told_that_it_is_the_rights()
    {
        var server = await PostgresServer.SharedAsync();
        await using var fixture = new PostgresFixture();
        await fixture.OpenAsync(new ManualTime());
        await server.ExecuteAsync("DROP ROLE IF EXISTS nobody; CREATE ROLE nobody LOGIN");
        var connectionString = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Username = "nobody" }.ToString();
        foreach (var migration in Enum.GetValues<PostgresMigration>())
        {
            await using var store = new PostgresStore(connectionString, TimeProvider.System, new PostgresOptions
            {
                Schema = fixture.Schema, Migration = migration,
            });
            var refusal = await Should.ThrowAsync<StoreException>(() => store.OpenAsync(default));
            refusal.Message.ShouldContain("Grant it the rights docs/operations lists");
            refusal.IsTransient.ShouldBeFalse();
        }
    }
}
