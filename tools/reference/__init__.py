"""Writes docs/reference out of the code: `tools/reference/generate`."""
