using Payments;
using Surety;

// The settings are beside the program, whatever folder it is started from; the database is in that folder.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });

var storeName = builder.Configuration["Surety:Store"] ?? "sqlite";
if (BookStore.Named(storeName, builder.Configuration.GetConnectionString("main")) is not { } store)
{
    await Console.Error.WriteLineAsync(
        $"The configuration's Surety:Store is \"{storeName}\". It must be sqlite (the default) or postgres.");
    return 2;
}

builder.Services.AddSingleton(store);
builder.Services.AddHostedService<Schema>(); // before Surety's workers, which use its tables
builder.AddSurety(surety => store.Use(surety)
    // An effect in this database: exactly once.
    .HandleBatchInTransaction<TransferPosted, ExportEntries>(maxSize: 100, maxWait: TimeSpan.FromMilliseconds(50), queue: "export")
    // An effect elsewhere: at least once, with a stable key.
    .Handle<PayoutRequested, PayoutHandler>("payouts")
    .Handle<PayoutGivenUp, PayoutGivenUpHandler>("given-up-payouts")
    .OnDead<PayoutRequested>(payout => new PayoutGivenUp(payout.PayoutId))
    .Configure(o =>
    {
        o.MaxDeaths = 10; // this backend is killed for sport; what is there each time need not be the cause
        o.NodeLease = builder.Configuration.GetValue("Surety:NodeLease", o.NodeLease);
    })
    .Handle<AccountReport, AccountReportHandler>("reports")
    .KeepBlobs(builder.Configuration)
    .Handle<ImportStatement, ImportStatementHandler>("statements")
    .Queue("statements", q => (q.Concurrency, q.HandlerTimeout) = (2, TimeSpan.FromHours(12)))
    .Queue("payouts", q =>
    {
        q.Concurrency = 8;
        q.HandlerTimeout = TimeSpan.FromSeconds(15);
        q.Retry = Retry.Exponential(attempts: 12, initial: TimeSpan.FromMilliseconds(250), cap: TimeSpan.FromMinutes(5));
    })
    // Somebody's money is held until the provider has answered, so this does not give up on a day's outage.
    .Queue("given-up-payouts", q =>
        q.Retry = Retry.Exponential(attempts: 1000, initial: TimeSpan.FromMilliseconds(250), cap: TimeSpan.FromMinutes(10))));

builder.Services.AddSuretyEdge(edge => ProblemTexts.Add(edge.ProblemTexts));
builder.Services.AddValidation();
builder.Services.AddSuretyOpenApi(Contract.Describe);
builder.Services.AddCors(
    cors => cors.AddDefaultPolicy(policy => policy.WithOrigins(builder.Configuration.GetSection("Cors:Origins").Get<string[]>() ?? [])
    .AllowAnyHeader().AllowAnyMethod()));
builder.Services.AddSingleton<Ledger>();
builder.Services.AddSingleton<PayoutBook>();
builder.Services.AddSingleton<StatementBook>();
PaymentProviders.Add(builder.Services, builder.Configuration);

var app = builder.Build();
if (args is ["keys", "create", var principal]) return await KeyEndpoints.CreateFirstAsync(app.Services, principal);

if (app.Configuration.GetSection("Cors:Origins").Exists())
{
    // Before authentication: browsers ask without credentials whether they may send them.
    app.UseRouting();
    app.UseCors();
    app.UseAuthentication();
    app.UseAuthorization();
}

app.MapAccounts();
app.MapTransfers();
app.MapPayouts();
app.MapReports();
app.MapStatements();
app.MapAudit();
app.MapKeys();
app.MapSurety();
app.Lifetime.ApplicationStarted.Register(() => Greeting.Print(app));
await app.RunAsync();
return 0;
