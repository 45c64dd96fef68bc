"""`python -m ocikit`."""

from __future__ import annotations

import sys

from ocikit.cli.main import main

if __name__ == "__main__":
    # Names of files may be what no terminal and no encoding can show.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
