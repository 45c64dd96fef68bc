"""`.dockerignore`: which files a build does not see. Source: moby's patternmatcher."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Ignore:
    """`patterns` in their order; one that starts with "!" takes back what those before it left out."""

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
        """Whether it leaves out `path`, which is relative to the context, or a directory that it is in."""
        ignored = False
        for pattern in self.patterns:
            negated = pattern.startswith("!")
            if ignored == negated and matches(pattern.lstrip("!"), path, parents=True):
                ignored = not negated
        return ignored


NOTHING_IGNORED = Ignore()


def matches(pattern: str, path: str, *, parents: bool = False) -> bool:
    """Whether a glob means `path`: `*` and `?` stay in one part of it, `**` does not. `parents`: or a parent of it."""
    expression = _expression(pattern)
    if expression.fullmatch(path):
        return True
    return parents and any(expression.fullmatch(parent) for parent in parents_of(path))


def parents_of(path: str) -> Iterable[str]:
    """ "a/b" and "a" for "a/b/c"."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _class(text: str) -> str:
    """What stands between the brackets, each character for itself but for ranges."""
    return "".join(
        f"{re.escape(first)}-{re.escape(last)}" if last else re.escape(only[-1])
        for first, last, only in re.findall(r"([^\\])-([^\\])|(\\.|[^\\])", text, re.DOTALL)
    )


def has_wildcard(text: str) -> bool:
    return any(character in text for character in "*?[\\")


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    parts, position = [], 0
    while position < len(pattern):
        rest = pattern[position:]
        if rest.startswith("**/"):
            parts.append("(?:.*/)?")
            position += 3
        elif rest.startswith("**"):
            parts.append(".*")
            position += 2
        elif rest[0] == "*":
            parts.append("[^/]*")
            position += 1
        elif rest[0] == "?":
            parts.append("[^/]")
            position += 1
        elif rest[0] == "[" and (found := re.match(r"\[(\^?)((?:\\.|[^\]\\])+)\]", rest)):
            parts.append(f"[{found[1]}{_class(found[2])}]")
            position += found.end()
        elif rest[0] == "\\" and len(rest) > 1:
            parts.append(re.escape(rest[1]))
            position += 2
        else:
            parts.append(re.escape(rest[0]))
            position += 1
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        # A range from high to low: no path can be meant.
        return re.compile(r"(?!)")
