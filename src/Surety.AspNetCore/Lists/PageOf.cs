using System.ComponentModel;
using Surety.AspNetCore.Descriptions;

namespace Surety.AspNetCore.Lists;

/// <summary>What a page looks like.</summary>
[SchemaName("Page")]
internal sealed record PageOf<T>(IReadOnlyList<T> Items, [Description("Asks for the next page; null on the last.")] string? NextPageToken);
