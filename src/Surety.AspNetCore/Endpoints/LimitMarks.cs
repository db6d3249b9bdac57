namespace Surety.AspNetCore.Endpoints;

/// <summary>Marks a health probe: never counted, never refused.</summary>
internal sealed record ProbeMetadata;

/// <summary>Marks an endpoint to which no quota counts requests.</summary>
internal sealed record NoQuotaMetadata;

/// <summary>Marks an endpoint whose requests take long without being at work all the time.</summary>
internal sealed record LongRunningMetadata;
