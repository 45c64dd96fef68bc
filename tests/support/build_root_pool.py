"""Build roots whose daemons go on: a start of Pants takes some ten seconds."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.build_root import BuildRoot

_idle: dict[str, list[BuildRoot]] = defaultdict(list)


@contextmanager
def empty_build_root(settings: str = "") -> Iterator[BuildRoot]:
    """A build root with nothing but these settings; the next caller who wants the same ones gets it emptied."""
    root = _idle[settings].pop() if _idle[settings] else BuildRoot(Path(tempfile.mkdtemp(prefix="root-")), settings)
    try:
        yield root
    finally:
        root.clear()
        _idle[settings].append(root)


def stop_all() -> None:
    """Stop every daemon of the pool."""
    for roots in _idle.values():
        while roots:
            roots.pop().stop()
