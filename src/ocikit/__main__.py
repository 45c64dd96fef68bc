"""`python -m ocikit`."""

from __future__ import annotations

import sys

from ocikit.interruption import end_when_interrupted

if __name__ == "__main__":
    # Before the rest is loaded, which takes longer than a tap on a key.
    end_when_interrupted()

    from ocikit.cli.main import main

    sys.exit(main(sys.argv[1:]))
