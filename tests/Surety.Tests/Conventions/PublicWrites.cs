using System.Reflection;
using Microsoft.Extensions.DependencyInjection;

namespace Surety.Tests.Conventions;

/// <summary>A public call, and what it does to the store.</summary>
/// <param name="Name">The type, the method and its parameters' types.</param>
/// <param name="WriteAsync">Makes the call, without a unit of work; null for one that does not write, or is made in one.</param>
/// <param name="WhyNot">For one that is not made: why.</param>
public sealed record PublicCall(string Name, Func<IServiceProvider, Task>? WriteAsync, string? WhyNot = null);

[Message("test.beside")]
public sealed record Beside(int Number);

/// <summary>
/// Every public call of the product that awaits something, told apart by whether it writes on the store beside a unit of work. A new one
/// has to be put down here, or the tests of the kind fail.
/// </summary>
public static class PublicWrites
{
    private const string Reads = "reads", TakesPart = "takes the unit of work",
        IsOne = "is the unit of work", Application = "is the application's to write";

    /// <summary>The core's.</summary>
    public static IReadOnlyList<PublicCall> OfCore { get; } =
    [
        new("IBatchHandler`1.HandleAsync(IReadOnlyList`1, CancellationToken)", null, Application),
        new("IDeadLetters.DiscardAsync(MessageId, String, CancellationToken)", async s =>
            await s.GetRequiredService<IDeadLetters>().DiscardAsync(new MessageId(1), "why")),
        new("IDeadLetters.GroupsAsync(CancellationToken)", null, Reads),
        new("IDeadLetters.RequeueAsync(MessageFilter, CancellationToken)", async s =>
            await s.GetRequiredService<IDeadLetters>().RequeueAsync(new MessageFilter { Queue = "nobodys" })),
        new("IDeadLetters.RequeueAsync(MessageId, Nullable`1, CancellationToken)", async s =>
            await s.GetRequiredService<IDeadLetters>().RequeueAsync(new MessageId(1))),
        new("IHandler`1.HandleAsync(Delivery`1, CancellationToken)", null, Application),
        new("IMessages.CancelAsync(MessageId, String, CancellationToken)", async s =>
            await s.GetRequiredService<IMessages>().CancelAsync(new MessageId(1), "why")),
        new("IMessages.FindAsync(MessageId, CancellationToken)", null, Reads),
        new("IMessages.ListAsync(MessageFilter, CancellationToken)", null, Reads),
        new("IQueue.EnqueueAsync(IReadOnlyList`1, DbTransaction, CancellationToken)", async s =>
            await s.GetRequiredService<IQueue>().EnqueueAsync([new Envelope(new Beside(1), Nobodys)])),
        new("IQueues.ListAsync(CancellationToken)", null, Reads),
        new("IQueues.PauseAsync(String, String, CancellationToken)", async s =>
            await s.GetRequiredService<IQueues>().PauseAsync("default", "why")),
        new("IQueues.ResumeAsync(String, CancellationToken)", async s => await s.GetRequiredService<IQueues>().ResumeAsync("default")),
        new("ITransactionalBatchHandler`1.HandleAsync(IReadOnlyList`1, UnitOfWork, CancellationToken)", null, Application),
        new("ITransactionalHandler`1.HandleAsync(Delivery`1, UnitOfWork, CancellationToken)", null, Application),
        new("IUploads.FindAsync(String, CancellationToken)", null, Reads),
        new("IUploads.OpenAsync(String, Int64, CancellationToken)", null, Reads),
        new("OwnedUnitOfWork.CommitAsync()", null, IsOne),
        new("OwnedUnitOfWork.DisposeAsync()", null, IsOne),
        new("OwnedUnitOfWork.RollbackAsync()", null, IsOne),
        new("QueueExtensions.EnqueueAsync(IQueue, IEnumerable, Object, Object, CancellationToken)", null, "does not compile"),
        new("QueueExtensions.EnqueueAsync(IQueue, T, CancellationToken)", async s =>
            await s.GetRequiredService<IQueue>().EnqueueAsync(new Beside(2))),
        new("QueueExtensions.EnqueueAsync(IQueue, T, DbTransaction, CancellationToken)", null, TakesPart),
        new("QueueExtensions.EnqueueAsync(IQueue, T, EnqueueOptions, CancellationToken)", async s =>
            await s.GetRequiredService<IQueue>().EnqueueAsync(new Beside(3), Nobodys)),
        new("QueueExtensions.EnqueueAsync(IQueue, T, EnqueueOptions, DbTransaction, CancellationToken)", null, TakesPart),
        new("SuretyDatabase.BeginAsync(CancellationToken)", async s =>
            await (await s.GetRequiredService<SuretyDatabase>().BeginAsync()).DisposeAsync()),
        new("SuretyDatabase.OpenReadAsync(CancellationToken)", null, Reads),
        new("SuretyHost.OpenStoreAsync(IServiceProvider, CancellationToken)", null, "opens the store, before any unit of work"),
    ];

    private static EnqueueOptions Nobodys => new() { Queue = "nobodys" };

    /// <summary>The names of all there are in an assembly.</summary>
    public static IEnumerable<string> In(Assembly assembly) =>
        from type in assembly.GetExportedTypes()
        where type.Namespace == "Surety"
        from method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
        where typeof(Task).IsAssignableFrom(method.ReturnType)
            || method.ReturnType.Name is "ValueTask" or "ValueTask`1" or "IAsyncEnumerable`1"
        select $"{type.Name}.{method.Name}({string.Join(", ", method.GetParameters().Select(p => p.ParameterType.Name))})";

    /// <summary>Makes each call that writes, one after the other, and says of each what came of it: null when it went well.</summary>
    public static async Task<Dictionary<string, Exception?>> TryAllAsync(
        IServiceProvider services, IReadOnlyList<PublicCall> calls, bool suppressed = false)
    {
        var all = new Dictionary<string, Exception?>();
        foreach (var call in calls)
        {
            if (call.WriteAsync is not { } write) continue;
            try
            {
                // A call that is not refused at once but waits for its own flow's lock fails here.
                if (!suppressed) await write(services).WaitAsync(TimeSpan.FromSeconds(5));
                else
                {
                    using (UnitOfWork.Suppress()) await write(services).WaitAsync(TimeSpan.FromSeconds(5));
                }

                all[call.Name] = null;
            }
            catch (Exception e)
            {
                all[call.Name] = e;
            }
        }

        return all;
    }
}
