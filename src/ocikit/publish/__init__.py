"""Publishing: requests, the state of the registries, the plan, and its execution."""
