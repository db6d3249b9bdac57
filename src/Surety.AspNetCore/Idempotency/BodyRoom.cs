using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Surety.AspNetCore.Idempotency;

/// <summary>
/// How much of the large bodies may be in memory at once. Bodies take no place among the requests at work while they come, so without it
/// one caller with many connections could fill the memory.
/// </summary>
internal sealed class BodyRoom(IOptions<EdgeOptions> options)
{
    private long taken;

    /// <exception cref="BadHttpRequestException">There is no room: 503.</exception>
    public void Take(int bytes)
    {
        if (Interlocked.Add(ref taken, bytes) <= options.Value.MaxBytesOfBodies) return;
        Return(bytes);
        throw new BadHttpRequestException(
            "The bodies of other requests take all the memory there is for them.", StatusCodes.Status503ServiceUnavailable);
    }

    public void Return(long bytes) => Interlocked.Add(ref taken, -bytes);
}

/// <summary>One request's body; what it takes of the room is free again when it is disposed of.</summary>
internal sealed class BufferedBody(BodyRoom room, int capacity) : MemoryStream(capacity)
{
    private long taken;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        if (Length + bytes.Length > RequestBody.SmallBytes)
        {
            room.Take(bytes.Length);
            taken += bytes.Length;
        }

        Write(bytes);
    }

    protected override void Dispose(bool disposing)
    {
        room.Return(taken);
        taken = 0;
        base.Dispose(disposing);
    }
}
