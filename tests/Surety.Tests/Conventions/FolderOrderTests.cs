using Shouldly;

namespace Surety.Tests.Conventions;

/// <summary>The check of the folders' order is one that can fail: it is tried here on sources that nobody wrote.</summary>
public sealed class FolderOrderTests
{
    private static readonly FolderOrder Order = new("House", "Floor", "Walls/Doors", "Walls", "Roof", "");

    // Public types share a namespace.
    private static readonly (string, string) Roof = (
        "Roof/Tile.cs",
        "namespace House;\npublic class Tile;\npublic delegate void Lay(int tiles);\npublic class SlateAttribute : Attribute;");

    [Theory]
    [InlineData("using House.Roof;")]
    [InlineData("using static House.Roof.Tile;")]
    [InlineData("using Red = House.Roof.Tile;")]
    [InlineData("using Above = House.Roof;")]
    [InlineData("global using House.Roof;")]
    [InlineData("class Door { House.Roof.Tile tile; }")]
    [InlineData("class Door { global::House.Roof.Tile tile; }")]
    [InlineData("class Door { string name = nameof(Roof.Tile); }")]
    [InlineData("class Door { string text = $\"{House.Roof.Tile.Count}\"; }")]
    public void A_use_of_a_later_folder_is_a_fault(string text) =>
        FaultsOf(("Walls/Door.cs", $"{text}\nnamespace House.Walls;")).ShouldBe(["Walls/Door.cs uses Roof"]);

    [Theory]
    [InlineData("using House.Floor;")]
    [InlineData("using House.Walls.Doors;")]
    [InlineData("using House.Roofers;")]
    [InlineData("// House.Roof.Tile is above.")]
    [InlineData("/// <summary>As using House.Roof; would be.</summary>")]
    [InlineData("class Door { string text = \"House.Roof.Tile\"; }")]
    [InlineData("class Door { int count = plan.Roof.Count; }")]
    public void A_use_of_a_folder_before_it_is_none_and_neither_is_a_word_about_a_later_one(string text) =>
        FaultsOf(("Walls/Door.cs", $"{text}\nnamespace House.Walls;")).ShouldBeEmpty();

    [Fact]
    public void A_folder_in_a_folder_has_a_place_of_its_own()
    {
        FaultsOf(("Walls/Doors/Handle.cs", "using House.Walls;\nnamespace House.Walls.Doors;"))
            .ShouldBe(["Walls/Doors/Handle.cs uses Walls"]);
        FaultsOf(("Walls/Door.cs", "using House.Walls.Doors;\nnamespace House.Walls;")).ShouldBeEmpty();
    }

    [Fact]
    public void What_is_seen_without_a_using_line_counts_as_well()
    {
        FaultsOf(
            ("Plan.cs", "namespace House;\ninternal sealed record Plan;"),
            ("Floor/Board.cs", "namespace House.Floor;\nclass Board(Plan plan);"))
            .ShouldBe(["Floor/Board.cs uses the project's own folder"]);
        FaultsOf(
            ("Roof/Tile.cs", "namespace House;\npublic class Tile;"),
            ("Floor/Board.cs", "namespace House.Floor;\nclass Board(Tile tile);"))
            .ShouldBe(["Floor/Board.cs uses Roof"], "a public type under a shorter namespace than its folder's");
    }

    [Theory]
    [InlineData("class Board { Tile tile; }")]
    [InlineData("class Board { string text = $\"{Tile.Count}\"; }")]
    [InlineData("class Board { object o = Tile.Read(); }")]
    [InlineData("class Board(Many<Tile> tiles);")]
    [InlineData("class Board : Tile;")]
    [InlineData("class Board { bool Is(object o) => o is Tile; }")]
    [InlineData("class Board { Lay lay; }")]
    [InlineData("class Board { Tile Tile { get; } }")]
    [InlineData("[Slate] class Board;")]
    public void A_use_of_a_public_type_of_a_later_folder_is_a_fault_by_its_name_alone(string text) =>
        FaultsOf(Roof, ("Floor/Board.cs", $"namespace House.Floor;\n{text}")).ShouldBe(["Floor/Board.cs uses Roof"]);

    [Theory]
    [InlineData("// Tile")]
    [InlineData("class Board { string text = \"Tile\"; }")]
    [InlineData("class Board { int count = pile.Tile; int Tile { get; } }")]
    [InlineData("class Board { int? count = pile?.Tile; }")]
    [InlineData("class Board { Pile pile = new() { Tile = 1 }; }")]
    [InlineData("class Board { void Lay() => Put(Tile: 1); }")]
    [InlineData("class Board { int Tile => 1; int Twice => Tile + Tile; }")]
    [InlineData("class Board { Tiler tiler; }")]
    [InlineData("class Board { Tile tile; }\nclass Tile;")]
    public void A_word_that_is_no_type_of_a_later_folder_is_none(string text) =>
        FaultsOf(Roof, ("Floor/Board.cs", $"namespace House.Floor;\n{text}")).ShouldBeEmpty();

    [Fact]
    public void A_folder_without_a_place_is_a_fault() =>
        FaultsOf(("Cellar/Wine.cs", "namespace House.Cellar;")).ShouldBe(["Cellar/Wine.cs: the folder needs its place in the order"]);

    private static IReadOnlyList<string> FaultsOf(params (string Path, string Text)[] sources) => Order.Faults(sources);
}
