using System.Globalization;

namespace Surety.Postgres.Connections;

/// <summary>
/// Where the driver reads or writes a connection string. It does so by the current culture, and in some of them (he-IL, ar-SA, fa-IR) "-1"
/// is no number.
/// </summary>
internal static class InvariantCulture
{
    public static T Run<T>(Func<T> work)
    {
        var culture = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        try
        {
            return work();
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }
}
