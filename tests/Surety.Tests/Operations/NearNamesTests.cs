using Shouldly;
using Surety.Operations;

namespace Surety.Tests.Operations;

public class NearNamesTests
{
    [Theory]
    [InlineData("default", "default", 0)]
    [InlineData("defualt", "default", 1)]
    [InlineData("mail", "mails", 1)]
    [InlineData("mial", "mail", 1)]
    [InlineData("main", "mail", 1)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("", "mail", 4)]
    public void Mistakes_are_letters_missing_added_wrong_or_swapped(string a, string b, int mistakes)
    {
        NearNames.Mistakes(a, b).ShouldBe(mistakes);
        NearNames.Mistakes(b, a).ShouldBe(mistakes);
    }

    [Fact]
    public void The_nearest_three_come_first_and_what_is_far_is_left_out() =>
        NearNames.Of("statement", ["statements", "statment", "settlement", "staatements", "statemnet", "mail"])
            .ShouldBe(["statements", "statemnet", "statment"]);
}
