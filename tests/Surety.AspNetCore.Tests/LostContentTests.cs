using static Surety.AspNetCore.Tests.FileApp;

namespace Surety.AspNetCore.Tests;

public class LostContentTests
{
    [Fact]
    public async Task An_upload_whose_content_is_gone_spends_its_handlers_attempts_and_is_given_up()
    {
        await using var files = await StartAsync(surety: s => s.Queue("files", q => q.Retry = Retry.Fixed(2, TimeSpan.Zero)));
        await files.App.Get<IQueues>().PauseAsync("files", "until the content is gone");
        var address = await files.BeginAsync(100);
        var job = (await files.PatchAsync(address, 0, Bytes(100))).ShouldBe(204)["Location"].ShouldNotBeNull();
        foreach (var path in files.BlobPaths.ToList()) File.Delete(path);
        await files.App.Get<IQueues>().ResumeAsync("files");

        var info = await files.App.UntilAsync(MessageId.Parse(job["/jobs/".Length..].Split('-')[0], null), MessageStatus.Dead);
        info.Attempts.Select(a => a.Outcome).ShouldBe([AttemptOutcome.Retry, AttemptOutcome.Reject]);
        info.Attempts[0].Error.ShouldNotBeNull().ShouldContain("is missing");
    }
}
