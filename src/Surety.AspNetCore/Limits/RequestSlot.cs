using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;

namespace Surety.AspNetCore.Limits;

/// <summary>
/// One request's place among those at work. It is left while the client's bytes are waited for, so that slow clients keep out nobody.
/// </summary>
internal sealed class RequestSlot(Admission admission, RequestPriority priority) : IDisposable
{
    private int held = 1;
    private bool over;

    /// <summary>The request waits for something that is not ours to hurry.</summary>
    public void Leave()
    {
        if (Interlocked.Exchange(ref held, 0) == 1) admission.Leave(priority);
    }

    public void Return()
    {
        if (!over && Interlocked.Exchange(ref held, 1) == 0) admission.Return(priority);
    }

    /// <summary>For the rest of the request.</summary>
    public void GiveUp()
    {
        over = true;
        Leave();
    }

    public void Dispose() => GiveUp();

    /// <summary>Reads the body for the request that holds the slot.</summary>
    public void Watch(HttpRequest request) => request.Body = new WatchedBody(request.Body, this, request.HttpContext);

    private sealed class WatchedBody(Stream body, RequestSlot slot, HttpContext http) : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = body.ReadAsync(buffer, cancellationToken);
            return read.IsCompletedSuccessfully ? read : WaitAsync(read);
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => body.Read(buffer, offset, count);

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        private async ValueTask<int> WaitAsync(ValueTask<int> read)
        {
            slot.Leave();
            try
            {
                return await read;
            }
            catch (IOException e) when (e is not BadHttpRequestException)
            {
                // The server's word for a chunk whose size is no number; the framework would take it for a client that left, and answer 200
                // with nothing.
                throw new BadHttpRequestException("The body did not arrive as HTTP frames it.", StatusCodes.Status400BadRequest, e);
            }
            catch (OperationCanceledException e) when (
                http.Features.Get<IHttpRequestTimeoutFeature>()?.RequestTimeoutToken.IsCancellationRequested == true)
            {
                // The client's time, not the endpoint's: the framework would say 504.
                throw new BadHttpRequestException("The body did not come in time.", StatusCodes.Status408RequestTimeout, e);
            }
            finally
            {
                slot.Return();
            }
        }
    }
}
