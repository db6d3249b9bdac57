using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Surety.AspNetCore.Hosting;

/// <summary>
/// One connection, with a look at what it waits for. With HTTP/1.1 the server reads only when it wants something of its client: half a
/// request's head, or the rest of a body. While a handler works, it does not.
/// </summary>
internal sealed class SlowClient : IDuplexPipe
{
    private readonly ConnectionContext connection;
    private readonly IDuplexPipe inner;
    private volatile bool reads;
    private volatile bool writes;

    public SlowClient(ConnectionContext connection)
    {
        (this.connection, inner) = (connection, connection.Transport);
        (Input, Output) = (new Reader(this), new Writer(this));
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    /// <summary>HTTP/2 reads all the time, whatever its requests are at: then a read says nothing.</summary>
    public bool IsMultiplexed { get; set; }

    /// <summary>Whether the connection can only go on when its client sends something, or takes what it was sent.</summary>
    public bool IsAwaited => writes || (reads && !IsMultiplexed);

    public void Cut() => connection.Abort(new ConnectionAbortedException("The host stops, and does not wait for this client any longer."));

    public void Restore() => connection.Transport = inner;

    private sealed class Reader(SlowClient client) : PipeReader
    {
        private readonly PipeReader inner = client.inner.Input;

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            // Until what was read is taken; so a request costs no allocation here.
            client.reads = true;
            return inner.ReadAsync(cancellationToken);
        }

        public override bool TryRead(out ReadResult result) => inner.TryRead(out result);

        public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
        {
            client.reads = false;
            inner.AdvanceTo(consumed, examined);
        }

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);
    }

    private sealed class Writer(SlowClient client) : PipeWriter
    {
        private readonly PipeWriter inner = client.inner.Output;

        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            var flushed = inner.FlushAsync(cancellationToken);
            return flushed.IsCompleted ? flushed : WaitAsync(flushed);
        }

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

        private async ValueTask<FlushResult> WaitAsync(ValueTask<FlushResult> flushed)
        {
            client.writes = true;
            try
            {
                return await flushed;
            }
            finally
            {
                client.writes = false;
            }
        }
    }
}
