using Microsoft.Extensions.Hosting;
using Surety.Hosting;

namespace Surety.Tests.Guide;

// What stands between "sample" and "end" here stands in docs/guide too; GuideTests keeps the two the same, and runs it.

// sample: message
[Message("invoice.due")]
public sealed record InvoiceDue(long InvoiceId);
// end

[Message("invoice.booked")]
public sealed record InvoiceBooked(long InvoiceId);

public interface IMailer
{
    Task SendReminderAsync(long invoice, string idempotencyKey, CancellationToken cancel);
}

// sample: plain-handler
public sealed class RemindCustomer(IMailer mailer) : IHandler<InvoiceDue>
{
    public async Task<Outcome> HandleAsync(Delivery<InvoiceDue> delivery, CancellationToken cancellationToken)
    {
        // May run more than once; the key is the same each time, so the mail service can act once.
        await mailer.SendReminderAsync(delivery.Message.InvoiceId, delivery.IdempotencyKey, cancellationToken);
        return Outcome.Done;
    }
}
// end

// sample: transactional-handler
public sealed class BookInvoice(IQueue queue) : ITransactionalHandler<InvoiceBooked>
{
    public async Task<Outcome> HandleAsync(Delivery<InvoiceBooked> delivery, UnitOfWork work, CancellationToken cancellationToken)
    {
        await using var command = work.Connection.CreateCommand();
        command.Transaction = work.Transaction;
        command.CommandText = "INSERT INTO booking (invoice) VALUES (@invoice)";
        var invoice = command.CreateParameter();
        (invoice.ParameterName, invoice.Value) = ("@invoice", delivery.Message.InvoiceId);
        command.Parameters.Add(invoice);
        await command.ExecuteNonQueryAsync(cancellationToken);

        await queue.EnqueueAsync(
            new InvoiceDue(delivery.Message.InvoiceId), new EnqueueOptions { Delay = TimeSpan.FromDays(14) }, work, cancellationToken);
        return Outcome.Done; // the booking, the reminder and "handled" commit together
    }
}
// end

public static class Samples
{
    public static void Configure(IHostApplicationBuilder builder, string connectionString)
    {
        // sample: configure
        builder.AddSurety(surety => surety
            .UseSqlite(connectionString)
            .Handle<InvoiceDue, RemindCustomer>("mail")
            .HandleInTransaction<InvoiceBooked, BookInvoice>()
            .Queue("mail", q =>
            {
                q.Concurrency = 8;
                q.HandlerTimeout = TimeSpan.FromSeconds(30);
                q.Retry = Retry.Exponential(attempts: 8).RejectOn<FormatException>();
                q.RateLimit = 50; // a second
            }));
        // end
    }

    public static async Task EnqueueAsync(IQueue queue, SuretyDatabase database, CancellationToken cancel)
    {
        // sample: enqueue
        await queue.EnqueueAsync(new InvoiceDue(42), cancel); // durable when this returns

        await using var work = await database.BeginAsync(cancel);
        // … your own statements, with work.Transaction …
        await queue.EnqueueAsync(new InvoiceBooked(42), work, cancel); // exists exactly if the next line succeeds
        await work.CommitAsync();
        // end
    }

    public static async Task OptionsAsync(IQueue queue, CancellationToken cancel)
    {
        // sample: options
        var answer = await queue.EnqueueAsync(
            new InvoiceDue(43),
            new EnqueueOptions
            {
                Delay = TimeSpan.FromHours(1),       // not sooner
                Priority = Priority.High,            // before others of its queue
                OrderingKey = "customer-7",          // one at a time, in order, within the key
                UniqueKey = "reminder-43",           // a second enqueue answers with the first's id …
                UniqueFor = TimeSpan.FromDays(1),    // … for a day, finished or not
                Tracked = true,                      // keep status, progress, result and history
            },
            cancel);
        if (answer.IsDuplicate) Console.WriteLine($"Already there as {answer.Id}.");
        // end
    }

    public static async Task OperateAsync(
        IMessages messages, IDeadLetters deadLetters, IQueues queues, MessageId id, CancellationToken cancel)
    {
        // sample: operate
        var info = await messages.FindAsync(id, cancel);                     // status, progress, every attempt with its error
        await messages.CancelAsync(id, "the customer paid", cancel);         // at once, or by asking its handler

        foreach (var group in await deadLetters.GroupsAsync(cancel))         // by queue, kind and cause
            Console.WriteLine($"{group.Count} × {group.Cause}");
        await deadLetters.RequeueAsync(new MessageFilter { Kind = "invoice.due" }, cancel);

        await queues.PauseAsync("mail", "the mail service is down until noon", cancel);
        await queues.ResumeAsync("mail", cancel);
        // end
        _ = info;
    }
}
