"""`.dockerignore`: the files that are not in the build context. Source: moby's patternmatcher."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from ocikit.migrate.glob import compiled


@dataclass(frozen=True)
class Ignore:
    """The patterns in their order; one that starts with "!" includes again what earlier ones exclude."""

    patterns: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Ignore:
        patterns = []
        for line in text.lstrip("\ufeff").splitlines():
            pattern = line.strip()
            if not pattern or line.startswith("#"):
                continue
            sign = "!" if pattern.startswith("!") else ""
            cleaned = posixpath.normpath(pattern[len(sign) :].strip()).lstrip("/")
            if cleaned not in ("", "."):
                patterns.append(sign + cleaned)
        return cls(tuple(patterns))

    @property
    def takes_back(self) -> bool:
        return any(pattern.startswith("!") for pattern in self.patterns)

    def ignores(self, path: str) -> bool:
        """Whether it excludes `path`, relative to the context, or a directory above it."""
        ignored = False
        for pattern in self.patterns:
            negated = pattern.startswith("!")
            if ignored == negated and matches(pattern.lstrip("!"), path, parents=True):
                ignored = not negated
        return ignored


NOTHING_IGNORED = Ignore()


def matches(pattern: str, path: str, *, parents: bool = False) -> bool:
    """Whether a glob matches `path`, or with `parents` a folder above it; of the wildcards only `**` matches "/"."""
    return compiled(pattern).matches(path, parents=parents)


def parents_of(path: str) -> Iterable[str]:
    """The folders above a path, the nearest first: "a/b" and "a" for "a/b/c"."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def has_wildcard(text: str) -> bool:
    return any(character in text for character in "*?[\\")
