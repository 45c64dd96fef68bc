"""The command line: one module per command, listed in `ocikit.cli.main`."""
