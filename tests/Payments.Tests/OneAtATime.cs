// Each class starts processes of its own, and the stores' tests run beside them: more at a time would only wait for the processor.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
