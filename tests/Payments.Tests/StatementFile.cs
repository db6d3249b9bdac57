using System.Security.Cryptography;
using System.Text;

namespace Payments.Tests;

/// <summary>A file of payments in a temporary folder.</summary>
internal sealed class StatementFile : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("surety-statement-").FullName;

    private StatementFile(string text)
    {
        Path = System.IO.Path.Combine(folder, "payments.csv");
        File.WriteAllText(Path, text);
        using var content = File.OpenRead(Path);
        (Digest, Length) = (Convert.ToHexStringLower(SHA256.HashData(content)), content.Length);
    }

    public string Path { get; }

    public string Digest { get; }

    public long Length { get; }

    public static StatementFile Of(params IEnumerable<string> lines) =>
        new("reference,from,to,amount\n" + string.Concat(lines.Select(l => l + "\n")));

    /// <summary>A few payments among lines that cost nothing but their reading.</summary>
    public static StatementFile Large(long bytes, string from, string to, int payments)
    {
        var text = new StringBuilder("reference,from,to,amount\n");
        var filler = new string('x', 1_000);
        for (var i = 0; text.Length < bytes; i++) text.Append(i < payments ? $"large-{i},{from},{to},1\n" : $"{i} {filler}\n");
        return new StatementFile(text.ToString());
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
