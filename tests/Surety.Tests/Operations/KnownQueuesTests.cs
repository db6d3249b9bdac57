using Shouldly;
using Surety.Tests.Processing;

namespace Surety.Tests.Operations;

public class KnownQueuesTests
{
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task A_host_pauses_the_queues_of_its_configuration_and_refuses_a_mistyped_one(string store)
    {
        await using var place = await (store == "postgres" ? PostgresPlace.OpenAsync() : SqlitePlace.OpenAsync());
        await using var host = await WorkingHost.StartAsync(s => s.Queue("mail", _ => { }), place);
        var queues = host.Get<IQueues>();
        await queues.PauseAsync("mail", "the mail service is down");
        await queues.PauseAsync("default", "until noon");
        (await queues.ListAsync()).Select(q => q.Queue).ShouldBe(["default", "mail"]);

        var refusal = await Should.ThrowAsync<ArgumentException>(async () => await queues.PauseAsync("defualt", "until noon"));
        refusal.Message.ShouldContain("There is no queue \"defualt\"");
        refusal.Message.ShouldContain("Did you mean \"default\"?");
        (await Should.ThrowAsync<ArgumentException>(async () => await queues.ResumeAsync("payouts"))).Message
            .ShouldContain("There are \"default\", \"mail\".");
    }
}
