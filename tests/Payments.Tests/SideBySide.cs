// Each class starts processes of its own and mostly waits for them, so three of them fill two cores. What measures is of the category Alone.
[assembly: Xunit.v3.Parallelization(MaxThreads = 3)]
