"""The goals that this backend adds or joins. Each is thin and calls the steps."""
