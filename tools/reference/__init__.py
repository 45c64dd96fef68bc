"""Write docs/reference from the code: `tools/reference/generate`."""
