namespace Surety.AspNetCore.Descriptions;

/// <summary>What the document calls a type of Surety's own; of a generic type, what stands behind the name of its item.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class SchemaNameAttribute(string name) : Attribute
{
    public string Name => name;
}
