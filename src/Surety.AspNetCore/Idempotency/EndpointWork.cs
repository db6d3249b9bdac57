using System.Data.Common;

namespace Surety.AspNetCore.Idempotency;

/// <summary>
/// The unit of work that is injected into an endpoint's handler: begun after validation, ended after the handler, by the endpoint's
/// command.
/// </summary>
internal sealed class EndpointWork : UnitOfWork
{
    private OwnedUnitOfWork? begun;

    /// <summary>Who the request acts for; set with <see cref="Begin"/>.</summary>
    public string Principal { get; private set; } = "";

    public override DbTransaction Transaction => begun?.Transaction ?? throw new InvalidOperationException(
        "No unit of work is open here. One is begun for handlers of endpoints marked RequireIdempotencyKey() or AcceptIdempotencyKey(), "
            + "after validation and the filters added before that mark, and ends with the handler. Elsewhere, begin your own with "
                + "SuretyDatabase.BeginAsync.");

    public void Begin(OwnedUnitOfWork work, string principal) => (begun, Principal) = (work, principal);
}
