using Microsoft.AspNetCore.Http;
using Surety.AspNetCore;

namespace Surety;

/// <summary>What holds for every endpoint of the host. Also bound from the configuration section <c>Surety:Edge</c>.</summary>
public sealed class EdgeOptions
{
    /// <summary>
    /// The page that explains the problems; a problem's <c>type</c> is this address with <c>#code</c> behind it. Absolute, without a
    /// fragment. Default <c>https://surety.example/problems</c>: set your own, with a page behind it.
    /// </summary>
    public Uri ProblemBase { get; set; } = new("https://surety.example/problems");

    /// <summary>
    /// Serves the page that explains the problems, to everybody, at the path of <see cref="ProblemBase"/> (or at <c>/problems</c> if that
    /// has none). Default null: in Development only. Set it to true where <see cref="ProblemBase"/> names this host.
    /// </summary>
    public bool? ServeProblems { get; set; }

    /// <summary>
    /// What the served page says of the application's own problem codes, in plain text with <c>`code`</c> marks and empty lines between
    /// paragraphs: what happened, and what to do. Default none. A text for one of Surety's codes takes the place of Surety's.
    /// </summary>
    public IDictionary<string, string> ProblemTexts { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    internal Dictionary<string, ConstraintProblem> OfConstraints { get; } = new(StringComparer.Ordinal);

    /// <summary>
    /// Says which problem a violated constraint of the database is, wherever it is met: by a statement of an endpoint's handler or at its
    /// commit, also inside another exception. Without it such a request is answered with 500. The handler's work is undone; of a command,
    /// the idempotency key remembers the answer as it does any other of that status.
    /// </summary>
    /// <param name="constraint">
    /// The constraint as the database names it. On PostgreSQL its name. On SQLite the name of a CHECK, the columns of a key
    /// (<c>booking.seat</c>, or <c>booking.hall, booking.seat</c>), or
    /// <c>FOREIGN KEY</c>, of which SQLite says no more. A later call for the same constraint takes the place of an earlier one.
    /// </param>
    /// <param name="status">400 to 499.</param>
    /// <param name="code">As of <see cref="HttpProblem.Of"/>.</param>
    /// <param name="detail">What to do about it, for people. It is the same for every request, so it cannot name values.</param>
    /// <exception cref="ArgumentException">The status is not one of those, or the code is no slug.</exception>
    public void MapConstraint(string constraint, int status, string code, string detail)
    {
        ArgumentException.ThrowIfNullOrEmpty(constraint);
        ArgumentOutOfRangeException.ThrowIfLessThan(status, 400);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(status, 499);
        Slug.ThrowIfNotOne(code);
        ArgumentException.ThrowIfNullOrEmpty(detail);
        OfConstraints[constraint] = new ConstraintProblem(status, code, detail);
    }

    /// <summary>
    /// A fixed API key for a developer's machine: principal <c>dev</c>, scope <c>operator</c>. Default null: there is none. The host
    /// refuses to start with one outside the Development environment.
    /// </summary>
    public string? DevelopmentKey { get; set; }

    /// <summary>
    /// The largest request body, 1 KiB to 1 GiB. Default 1 MiB. Becomes Kestrel's limit for all endpoints; one endpoint may have its own by
    /// <c>RequestSizeLimit</c> metadata.
    /// </summary>
    public int MaxBodyBytes { get; set; } = 1 << 20;

    /// <summary>
    /// How much of the bodies of commands may be in memory at once, over all requests, not counting the first 16 KiB of each; 1 MiB to 1
    /// TiB. Default 256 MiB. A body for which there is no room is refused with 503 <c>overloaded</c> and outcome <c>none</c>, so it must be
    /// no less than the largest body that any command takes.
    /// </summary>
    public long MaxBytesOfBodies { get; set; } = 256L << 20;

    /// <summary>
    /// The largest answer of an endpoint that takes idempotency keys, 1 KiB to 16 MiB. Default 256 KiB. A larger one is not committed and
    /// answers 500: the answer is stored with the effect.
    /// </summary>
    public int MaxAnswerBytes { get; set; } = 256 * 1024;

    /// <summary>
    /// How long an idempotency key remembers its answer, 1 min to 1 year. Default 24 h. Clients have to be told: after it, the same key
    /// acts again.
    /// </summary>
    public TimeSpan KeepAnswers { get; set; } = TimeSpan.FromHours(24);

    /// <summary>
    /// Whose data a request is about, where one host serves several tenants and a caller may act for more than one: its idempotency keys
    /// are then each tenant's own. Called for each command with a key, once the caller is known. Default null: keys belong to their caller
    /// alone, as they do where it returns null or nothing. What it throws is answered with 500, before anything has begun.
    /// </summary>
    /// <remarks>Once keys are in use, a change of what it returns makes them other keys: a repeat across it acts again.</remarks>
    public Func<HttpContext, string?>? TenantOf { get; set; }

    /// <summary>
    /// How long an endpoint that takes idempotency keys may wait for its transaction and work in it, 100 ms to 10 min. Default 30 s. Then
    /// its cancellation token fires, everything is rolled back and the answer is 503 <c>timeout</c> with outcome <c>none</c>. A commit that
    /// was sent is always waited for.
    /// </summary>
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How deep a JSON body may nest, 1 to 64. Default 32.</summary>
    public int MaxJsonDepth { get; set; } = 32;

    /// <summary>
    /// How many requests may wait for news of a job (<c>GET /jobs/{id}?wait=20</c>, <c>Prefer: wait=20</c>) at once, 0 to 100,000. Default
    /// 1,000: each looks into the store five times a second. The next one is answered with what is known.
    /// </summary>
    public int MaxWaiting { get; set; } = 1_000;

    /// <summary>
    /// How many event streams of jobs may be open on this host at once, 0 to 100,000. Default 1,000. The next one is refused with 503
    /// <c>overloaded</c>.
    /// </summary>
    public int MaxStreams { get; set; } = 1_000;

    /// <summary>
    /// How many event streams of jobs one principal may have open on this host at once, 0 to 100,000. Default 20. The next one is refused
    /// with 429 <c>streams-exceeded</c>.
    /// </summary>
    public int MaxStreamsPerCaller { get; set; } = 20;

    /// <summary>
    /// How often an event stream on which nothing happens sends a comment, 100 ms to 5 min. Default 15 s. It keeps proxies from closing the
    /// connection; they close idle ones after a minute, mostly.
    /// </summary>
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Quotas by name (lower-case letters, digits and <c>-</c>, at most 40): how many requests each caller may make. Default none.
    /// </summary>
    public IDictionary<string, QuotaOptions> Quotas { get; } = new Dictionary<string, QuotaOptions>(StringComparer.Ordinal);

    /// <summary>
    /// How many callers a quota counts apart on one node, 100 to 1,000,000. Default 20,000. Those beyond share 64 windows between them
    /// until others have been idle for a window and 10 s.
    /// </summary>
    public int MaxQuotaCallers { get; set; } = 20_000;

    /// <summary>
    /// How many requests may be at work at once at the most, 1 to 100,000. Default 1,000. The number that holds lies between
    /// <see cref="MinConcurrency"/> and this and follows
    /// <see cref="MaxQueueDelay"/>; requests beyond it are answered with 503 <c>overloaded</c> before anything is done.
    /// </summary>
    public int MaxConcurrency { get; set; } = 1_000;

    /// <summary>
    /// How many requests may be at work at once even when they wait too long, 1 to <see cref="MaxConcurrency"/>. Default 2. What commands
    /// take while no more than these are at work is what is usual.
    /// </summary>
    public int MinConcurrency { get; set; } = 2;

    /// <summary>
    /// How long the luckiest request of a tenth of a second may wait, for a thread or for its transaction to begin, and by how much most
    /// commands may take longer than usual (and no less than twice as long; half as long again while somebody is turned away) before less
    /// is let in; 1 ms to 10 s. Default 10 ms. More is a queue that stands and does nobody any good.
    /// </summary>
    public TimeSpan MaxQueueDelay { get; set; } = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// How long an endpoint that takes no idempotency keys may work, 100 ms to 10 min. Default 1 min. Then its cancellation token fires,
    /// and the answer is 504 <c>timeout</c>, or 408 when it was the body that did not come. The framework's
    /// <c>WithRequestTimeout</c> and <c>DisableRequestTimeout</c> say otherwise for one endpoint. It also bounds how long the body of one
    /// that does take keys may take to come; then the answer is 408.
    /// </summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How many connections may be open at once, idle ones too, 1 to 1,000,000. Default 20,000. The next one is closed.</summary>
    public int MaxConnections { get; set; } = 20_000;

    /// <summary>
    /// The proxies whose <c>X-Forwarded-For</c> and <c>X-Forwarded-Proto</c> are believed: addresses, or networks such as
    /// <c>10.0.0.0/8</c>. Default none: nobody is believed.
    /// </summary>
    public IList<string> TrustedProxies { get; } = [];

    /// <summary>
    /// Does nothing in plain HTTP: GET and HEAD are redirected, everything else is refused with 403 <c>https-required</c>; answers over
    /// HTTPS carry <c>Strict-Transport-Security</c> for a year. Health probes excepted. Default false: somebody in front may do it.
    /// </summary>
    public bool RequireHttps { get; set; }

    /// <summary>The port to redirect to. Default 443.</summary>
    public int HttpsPort { get; set; } = 443;

    /// <summary>
    /// At shutdown, how long the host goes on serving after it said that it is not ready, zero to 5 min. Default zero. Behind a balancer,
    /// set it to a little more than the time the balancer needs to notice, and the host's shutdown timeout to more than that.
    /// </summary>
    public TimeSpan StopDelay { get; set; } = TimeSpan.Zero;
}
