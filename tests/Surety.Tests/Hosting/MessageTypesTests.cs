using System.Text.Json.Serialization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Surety.Hosting;
using Surety.Tests.Processing;

namespace Surety.Tests.Hosting;

/// <summary>A stored name is one type's: a message is never read as another type, and never loses what it held.</summary>
public class MessageTypesTests
{
    [Fact]
    public async Task Two_handled_types_of_one_stored_name_are_refused_at_the_start_with_every_other_fault()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.AddSurety(s => s.Handle<Order, Plain<Order>>()
            .Handle<OtherOrder, Plain<OtherOrder>>("other").Handle<Shape, Plain<Shape>>().Configure(o => o.NodeName = "half \ud83d"));
        using var host = builder.Build();
        var fault = await Should.ThrowAsync<InvalidOperationException>(() => host.StartAsync());
        fault.Message.ShouldContain(
            "Kind \"test.order\" is the stored name of two message types on this host, Order (for Plain`1) and OtherOrder (for Plain`1). "
                + "Give one of them another name.");
        fault.Message.ShouldContain("Shape is abstract");
        fault.Message.ShouldContain("SuretyOptions.NodeName holds U+0000 or half a surrogate pair");
        fault.Message.ShouldContain("No store is chosen");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_type_with_the_stored_name_of_a_handled_one_is_refused_at_the_enqueue(bool works)
    {
        await using var host = await WorkingHost.StartAsync(
            s => s.Handle<Order, Plain<Order>>().Configure(o => o.Work = works), services: s => s.AddSingleton(new Script<Order>()));
        var fault = await Should.ThrowAsync<ArgumentException>(async () => await host.Queue.EnqueueAsync(new OtherOrder("all of it")));
        fault.Message.ShouldContain("Order and OtherOrder have the same stored name \"test.order\"");
        Should.Throw<ArgumentException>(() => host.Get<IQueueCatalog>().KindOf(typeof(OtherOrder)));
        (await host.Messages.ListAsync(new MessageFilter())).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task On_a_host_that_only_enqueues_the_second_type_of_a_stored_name_is_refused()
    {
        await using var host = await WorkingHost.StartAsync(s => s.Configure(o => o.Work = false));
        await host.Queue.EnqueueAsync(new OtherOrder("first"));
        await host.Queue.EnqueueAsync(new OtherOrder("again"));
        var fault = await Should.ThrowAsync<ArgumentException>(
            async () => await host.Queue.EnqueueAsync([new Envelope(new OtherOrder("third")), new Envelope(new Order(1))]));
        fault.Message.ShouldContain("OtherOrder and Order have the same stored name \"test.order\"");
        (await host.Messages.ListAsync(new MessageFilter())).Items.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_derived_type_that_its_base_does_not_declare_is_refused_with_what_to_do(bool handled)
    {
        await using var host = await WorkingHost.StartAsync(
            s => (handled ? s.Handle<Order, Plain<Order>>() : s).Configure(o => o.Work = false), services: s =>
                s.AddSingleton(new Script<Order>()));
        foreach (var derived in (Order[])[new NamedRushOrder(1, "now"), new RushOrder(1, "now")])
        {
            var fault = await Should.ThrowAsync<ArgumentException>(async () => await host.Queue.EnqueueAsync(derived));
            fault.Message.ShouldContain($"{derived.GetType().Name} is a Order, which is stored as \"test.order\"");
            fault.Message.ShouldContain($"[JsonDerivedType(typeof({derived.GetType().Name}), ");
        }

        (await host.Messages.ListAsync(new MessageFilter())).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_derived_type_that_its_base_declares_without_a_discriminator_is_refused()
    {
        await using var host = await WorkingHost.StartAsync(s => s.Configure(o => o.Work = false));
        (await Should.ThrowAsync<ArgumentException>(async () => await host.Queue.EnqueueAsync(new Mute(1)))).Message.ShouldContain(
            "[JsonDerivedType(typeof(Mute), ");
    }

    [Fact]
    public async Task A_derived_type_that_its_base_declares_is_handled_as_what_it_is()
    {
        var payments = new Script<Payment>();
        await using var host = await WorkingHost.StartAsync(
            s => s.Handle<Payment, Plain<Payment>>(), services: s => s.AddSingleton(payments));
        await CheckAsync(host, host, payments);
    }

    [Fact]
    public async Task A_host_that_only_enqueues_stores_declared_derived_types_as_workers_read_them()
    {
        await using var place = await SqlitePlace.OpenAsync();
        var payments = new Script<Payment>();
        await using var producer = await WorkingHost.StartAsync(s => s.Configure(o => o.Work = false), place);
        await using var worker = await WorkingHost.StartAsync(
            s => s.Handle<Payment, Plain<Payment>>(), place, s => s.AddSingleton(payments));
        await CheckAsync(producer, worker, payments);
    }

    [Fact]
    public async Task A_derived_type_with_a_name_of_its_own_is_a_message_of_its_own()
    {
        var refunds = new Script<Refund>();
        await using var host = await WorkingHost.StartAsync(s => s.Handle<Refund, Plain<Refund>>(), services: s => s.AddSingleton(refunds));
        await host.Queue.EnqueueAsync(new Refund(3, "too much"));
        await WorkingHost.UntilAsync(() => Task.FromResult(refunds.Seen.Count == 1));
        refunds.Seen.ShouldHaveSingleItem().Message.ShouldBe(new Refund(3, "too much"));
    }

    private static async Task CheckAsync(WorkingHost producer, WorkingHost worker, Script<Payment> payments)
    {
        Payment[] sent = [new CardPayment(1, "1234"), new NamedTransfer(2, "DE00"), new Payment(3)];
        await producer.Queue.EnqueueAsync([.. sent.Select(p => new Envelope(p))]);
        await WorkingHost.UntilAsync(() => Task.FromResult(payments.Seen.Count == sent.Length));
        payments.Seen.Select(d => d.Message).OrderBy(p => p.Amount).ShouldBe(sent);
        payments.Seen.ShouldAllBe(d => d.Kind == "test.payment");
        await WorkingHost.UntilAsync(async () => (await worker.Messages.ListAsync(new MessageFilter())).Items.Count == 0);
    }

    [Message("test.order")]
    public record Order(int Number);

    [Message("test.order")]
    public sealed record OtherOrder(string Content);

    [Message("test.order")]
    public sealed record NamedRushOrder(int Number, string Until) : Order(Number);

    public sealed record RushOrder(int Number, string Until) : Order(Number);

    [Message("test.shape")]
    public abstract record Shape(int Sides);

    [Message("test.spoken")]
    [JsonDerivedType(typeof(Mute))]
    public record Spoken(int Number);

    public sealed record Mute(int Number) : Spoken(Number);

    [Message("test.payment")]
    [JsonDerivedType(typeof(CardPayment), "card")]
    [JsonDerivedType(typeof(NamedTransfer), "transfer")]
    public record Payment(int Amount);

    public sealed record CardPayment(int Amount, string Card) : Payment(Amount);

    [Message("test.payment")]
    public sealed record NamedTransfer(int Amount, string Account) : Payment(Amount);

    [Message("test.refund")]
    public sealed record Refund(int Amount, string Why) : Payment(Amount);
}
