using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Surety.AspNetCore.Problems;

/// <summary>
/// A form that is not to be had: no whole one, larger than it may be, or with a character in it that PostgreSQL cannot keep. Always inside
/// an <see cref="InvalidDataException"/>, the one exception of a reader that the framework takes for the client's fault.
/// </summary>
/// <param name="name">The field that is at fault; null when the framework could not read as far as its name.</param>
/// <param name="message">For the log.</param>
internal sealed class FormFaultException(string? name, string message) : Exception(message)
{
    public string? Name => name;

    /// <summary>What the framework made its own refusal of, if it was this.</summary>
    public static FormFaultException? In(Exception? exception)
    {
        while (exception is not (null or FormFaultException)) exception = exception.InnerException;
        return (FormFaultException?)exception;
    }
}

/// <summary>The framework's reader of forms, with a look at what it has read.</summary>
internal sealed class FormShape(HttpRequest request) : IFormFeature
{
    private const string Unkept = "A field of the form holds U+0000.";

    private IFormFeature? inner;

    public bool HasFormContentType => Inner.HasFormContentType;

    public IFormCollection? Form
    {
        get => Inner.Form;
        set => Inner.Form = value;
    }

    // Made when it is first asked for: by then the endpoint is known, and with it the limits that it sets for its forms.
    private IFormFeature Inner => inner ??= Frameworks();

    public static void Watch(HttpRequest request) => request.HttpContext.Features.Set<IFormFeature>(new FormShape(request));

    public IFormCollection ReadForm()
    {
        try
        {
            return Looked(Inner.ReadForm());
        }
        catch (InvalidDataException fault) when (FormFaultException.In(fault) is null)
        {
            throw Fault(null, fault.Message);
        }
    }

    public async Task<IFormCollection> ReadFormAsync(CancellationToken cancellationToken)
    {
        try
        {
            return Looked(await Inner.ReadFormAsync(cancellationToken));
        }
        catch (InvalidDataException fault) when (FormFaultException.In(fault) is null)
        {
            throw Fault(null, fault.Message);
        }
    }

    private static IFormCollection Looked(IFormCollection form)
    {
        foreach (var (name, values) in form)
        {
            if (Holds(name) || values.Any(Holds)) throw Fault(name, Unkept);
        }

        foreach (var file in form.Files)
        {
            if (Holds(file.Name) || Holds(file.FileName)) throw Fault(file.Name, Unkept);
        }

        return form;
    }

    private static InvalidDataException Fault(string? name, string message) => new(message, new FormFaultException(name, message));

    private static bool Holds(string? text) => text?.Contains('\0', StringComparison.Ordinal) == true;

    private IFormFeature Frameworks()
    {
        var features = request.HttpContext.Features;
        features.Set<IFormFeature>(null);
        // The request makes one where there is none.
        _ = request.HasFormContentType;
        var made = features.GetRequiredFeature<IFormFeature>();
        features.Set<IFormFeature>(this);
        return made;
    }
}
