using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Surety.Tests.Conventions;
using Surety.Tests.Processing;

namespace Surety.Tests.Guide;

public partial class GuideTests
{
    [Fact]
    public void Every_code_block_of_the_guide_is_code_that_compiles_here()
    {
        // The samples stand in the project that can compile and run them; the pages hold them all.
        var samples = Repository.Sources("tests").Where(f => f.EndsWith(Path.Combine("Guide", "Samples.cs"), StringComparison.Ordinal))
            .SelectMany(f => Sample().Matches(File.ReadAllText(f)))
            .ToDictionary(m => m.Groups[1].Value, m => Unindented(m.Groups[2].Value));
        var blocks = Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs/guide"), "*.md")
            .SelectMany(f => Block().Matches(File.ReadAllText(f)))
            .ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value.Trim());
        blocks.Keys.Order().ShouldBe(samples.Keys.Order());
        foreach (var (name, text) in blocks) text.ShouldBe(samples[name], name);
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs/guide"), "*.md")
            .Sum(f => CSharp().Count(File.ReadAllText(f))).ShouldBe(blocks.Count, "a C# block without a sample mark");
    }

    [Fact]
    public async Task The_guide_does_what_it_says()
    {
        var mailer = new Mailer();
        var folder = Directory.CreateTempSubdirectory("surety-guide-").FullName;
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        Samples.Configure(builder, $"Data Source={Path.Combine(folder, "guide.db")}");
        builder.Services.AddSingleton<IMailer>(mailer);
        using (var host = builder.Build())
        {
            await host.StartAsync();
            var database = host.Services.GetRequiredService<SuretyDatabase>();
            await using (var work = await database.BeginAsync())
            {
                await WorkingHost.ExecuteAsync(work, "CREATE TABLE booking (invoice INTEGER)");
                await work.CommitAsync();
            }

            var queue = host.Services.GetRequiredService<IQueue>();
            var messages = host.Services.GetRequiredService<IMessages>();
            await Samples.EnqueueAsync(queue, database, default);
            await Samples.OptionsAsync(queue, default);
            await WorkingHost.UntilAsync(() => Task.FromResult(mailer.Sent.Contains(42)));
            // The booking's own reminder and the one with options wait for their time.
            await WorkingHost.UntilAsync(
                async () => (await messages.ListAsync(new MessageFilter { Status = MessageStatus.Scheduled })).Items.Count == 2);
            var waiting = (await messages.ListAsync(new MessageFilter { Status = MessageStatus.Scheduled })).Items[0].Id;
            await Samples.OperateAsync(
                messages, host.Services.GetRequiredService<IDeadLetters>(), host.Services.GetRequiredService<IQueues>(), waiting, default);
            (await messages.FindAsync(waiting))!.Status.ShouldBe(MessageStatus.Cancelled);
            await host.StopAsync();
        }

        Directory.Delete(folder, recursive: true);
    }

    private sealed class Mailer : IMailer
    {
        public ConcurrentQueue<long> Sent { get; } = [];

        public Task SendReminderAsync(long invoice, string idempotencyKey, CancellationToken cancel)
        {
            idempotencyKey.ShouldNotBeNullOrEmpty();
            Sent.Enqueue(invoice);
            return Task.CompletedTask;
        }
    }

    private static string Unindented(string code)
    {
        var lines = code.Trim('\n').TrimEnd().Split('\n');
        var indent = lines.Where(l => l.Trim().Length > 0).Min(l => l.Length - l.TrimStart().Length);
        return string.Join('\n', lines.Select(l => l.Length >= indent ? l[indent..] : l.Trim())).Trim();
    }

    [GeneratedRegex(@"// sample: ([\w-]+)\n(.*?)\n\s*// end", RegexOptions.Singleline)]
    private static partial Regex Sample();

    [GeneratedRegex(@"<!-- sample: ([\w-]+) -->\n```csharp\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex("```csharp")]
    private static partial Regex CSharp();
}
