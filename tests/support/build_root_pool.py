"""Build roots whose daemons go on: a start of Pants takes some ten seconds."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tomli

from support.build_root import WITHOUT_PYTHON, BuildRoot

_idle: dict[str, list[BuildRoot]] = defaultdict(list)


@contextmanager
def empty_build_root(settings: str = "", plugin: str = WITHOUT_PYTHON) -> Iterator[BuildRoot]:
    """A build root with nothing but these settings. The next caller gets it emptied, with its daemon."""
    idle = _idle[plugin]
    root = idle.pop() if idle else BuildRoot(Path(tempfile.mkdtemp(prefix="root-")), plugin=plugin)
    root.options = as_options(settings)
    try:
        yield root
    finally:
        root.clear()
        idle.append(root)


def as_options(settings: str) -> Sequence[str]:
    """Tables of `pants.toml` as options of a call: another file would make Pants's daemon start again."""
    return tuple(
        f"--{scope}-{name.replace('_', '-')}={value}"
        for scope, table in tomli.loads(settings).items()
        for name, value in table.items()
    )


def stop_all() -> None:
    """Stop every daemon of the pool."""
    for roots in _idle.values():
        while roots:
            roots.pop().stop()
