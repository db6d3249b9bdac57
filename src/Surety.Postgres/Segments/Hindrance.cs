namespace Surety.Postgres.Segments;

/// <summary>
/// How often a segment is tried to be emptied while a reader (a dump, a session that read it) holds a lock on it. A try counts what is in
/// the segment, which takes the server tens of milliseconds, and a dump may take hours. So after the third such try in a row the next call
/// is left out, after another one three, up to fifteen of sixteen. Not sooner: on a busy server a claim may be in the way now and then.
/// </summary>
internal sealed class Hindrance
{
    private const int MostLeftOut = 15;
    private const int Forgiven = 2;

    private int failures;
    private int toLeaveOut;

    /// <summary>Whether this call is left out.</summary>
    public bool IsTooEarly
    {
        get
        {
            if (toLeaveOut == 0) return false;
            toLeaveOut--;
            return true;
        }
    }

    /// <summary>A try was made.</summary>
    /// <param name="byReader">Whether a reader kept it from success.</param>
    public void Answered(bool byReader)
    {
        failures = byReader ? failures + 1 : 0;
        toLeaveOut = failures <= Forgiven ? 0 : Math.Min((1 << Math.Min(failures - Forgiven, 16)) - 1, MostLeftOut);
    }
}
