"""Python applications as layers: which interpreter, which files of which distribution, and what starts it."""
