"""The commands that Pants runs in sandboxes: a JSON file in, files out."""
