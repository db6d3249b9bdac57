using System.Net;
using System.Text;

namespace Payments.Tests;

/// <summary>The application somebody else serves: a page, and the upload client as its authors ship it for browsers.</summary>
internal sealed class PageServer : IAsyncDisposable
{
    private readonly HttpListener listener = new();
    private readonly Task work;

    public PageServer(int port)
    {
        Address = new Uri($"http://127.0.0.1:{port}/");
        listener.Prefixes.Add(Address.ToString());
        listener.Start();
        work = ServeAsync();
    }

    public Uri Address { get; }

    /// <summary>As browsers send it.</summary>
    public string Origin => Address.GetLeftPart(UriPartial.Authority);

    public async ValueTask DisposeAsync()
    {
        listener.Stop();
        await work;
        listener.Close();
    }

    private async Task ServeAsync()
    {
        var client = await File.ReadAllBytesAsync(TusClient());
        while (true)
        {
            HttpListenerContext request;
            try
            {
                request = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            using var response = request.Response;
            var isScript = request.Request.Url!.AbsolutePath == "/tus.js";
            response.ContentType = isScript ? "text/javascript" : "text/html";
            await response.OutputStream.WriteAsync(
                isScript ? client : Encoding.UTF8.GetBytes("<!doctype html><title>A shop</title><script src=/tus.js></script>"));
        }
    }

    private static string TusClient()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            var tus = Path.Combine(folder, "tests", "Payments.Tests", "tus");
            if (!Directory.Exists(tus)) continue;
            var script = Path.Combine(tus, "node_modules", "tus-js-client", "dist", "tus.min.js");
            return File.Exists(script) ? script : throw new FileNotFoundException(
                "tus-js-client is not installed: run ./test, or `npm ci` in tests/Payments.Tests/tus.", script);
        }

        throw new FileNotFoundException("tests/Payments.Tests/tus");
    }
}
