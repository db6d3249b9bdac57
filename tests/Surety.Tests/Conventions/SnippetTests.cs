using Shouldly;

namespace Surety.Tests.Conventions;

/// <summary>What does not compile.</summary>
public class SnippetTests
{
    [Fact]
    public async Task A_collection_given_as_one_message_does_not_compile_and_the_error_says_what_to_write()
    {
        var errors = await Snippet.ErrorsAsync("""
            using System.Collections.Generic;
            using System.Data.Common;
            using System.Linq;
            using System.Threading;
            using System.Threading.Tasks;
            using Surety;
            [Message("note")] public sealed record Note(int Number);
            public class Caller(IQueue queue, UnitOfWork work, EnqueueOptions options, DbTransaction transaction, CancellationToken cancel)
            {
                public async Task OneAsync(Note note)
                {
                    await queue.EnqueueAsync(note);
                    await queue.EnqueueAsync(note, cancel);
                    await queue.EnqueueAsync(note, cancellationToken: cancel);
                    await queue.EnqueueAsync(note, work);
                    await queue.EnqueueAsync(note, transaction, cancel);
                    await queue.EnqueueAsync(note, options, cancel);
                    await queue.EnqueueAsync(note, options, work, cancel);
                }
                public async Task ManyAsync(List<Note> notes)
                {
                    await queue.EnqueueAsync([.. notes.Select(n => new Envelope(n))], work, cancel);
                    await queue.EnqueueAsync(notes.Select(n => new Envelope(n)).ToList());
                }
                public async Task WrongAsync(List<Note> notes)
                {
                    await queue.EnqueueAsync(notes);
                    await queue.EnqueueAsync(notes.ToArray(), cancel);
                    await queue.EnqueueAsync(notes, cancellationToken: cancel);
                    await queue.EnqueueAsync(notes.Where(n => n.Number > 0), work);
                    await queue.EnqueueAsync(notes, transaction, cancel);
                    await queue.EnqueueAsync(notes, options, cancel);
                    await queue.EnqueueAsync(notes, options: options, transaction: work);
                    await queue.EnqueueAsync(notes.Select(n => new Envelope(n)));
                }
            }
            """);
        errors.Select(e => (e.Line, e.Code)).ShouldBe(Enumerable.Range(27, 8).Select(line => (line, "CS0619")));
        errors.ShouldAllBe(e => e.Text.Contains("A collection is many messages, not one. Give each of them an envelope"));
    }
}
