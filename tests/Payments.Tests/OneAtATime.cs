// Every class starts processes and measures or kills them; side by side they would measure each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
