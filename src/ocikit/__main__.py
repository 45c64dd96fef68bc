"""`python -m ocikit`."""

from __future__ import annotations

import sys

from ocikit.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
