"""`python -m ocikit`."""

from __future__ import annotations

import sys

from ocikit.interruption import end_when_interrupted

if __name__ == "__main__":
    # Before the other imports: they take long enough for a Ctrl-C.
    end_when_interrupted()

    from ocikit.cli.main import main

    sys.exit(main(sys.argv[1:]))
