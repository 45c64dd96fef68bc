"""Python applications as layers: the interpreter, the files of each distribution, and the launcher."""
