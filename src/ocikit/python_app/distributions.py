"""The distributions of a Python application: which files they have, and which of them share a layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ocikit.errors import InvalidInput


@dataclass(frozen=True)
class TreeFile:
    """A file by its content: the SHA-256 in hex, and the size in bytes."""

    path: str
    sha256: str
    size: int
    executable: bool = False


@dataclass(frozen=True)
class Distribution:
    """An installed distribution. `files`: by path below the application's root.

    `scripts`: its entry points by command. `programs`: the files in `bin` that Python does not run.
    """

    name: str
    version: str
    files: Mapping[str, TreeFile] = field(hash=False)
    scripts: Mapping[str, str] = field(default_factory=dict, hash=False)
    programs: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files.values())

    @property
    def commands(self) -> tuple[str, ...]:
        """The files in `bin`."""
        return tuple(sorted(path[len("bin/") :] for path in self.files if path.startswith("bin/")))

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def group(
    distributions: Iterable[Distribution], budget: int, apart_from: int = 5_000_000
) -> tuple[tuple[Distribution, ...], ...]:
    """Group distributions into at most `budget` layers, the lowest first.

    Each distribution of `apart_from` bytes or more gets its own layer, the largest first, within the budget; all others
    share the top layer. Raises InvalidInput for a budget below 1.
    """
    if budget < 1:
        raise InvalidInput(f"{budget} layers are too few: expected 1 or more.")
    ordered = sorted(distributions, key=lambda d: (-d.size, d.name.lower(), d.version))
    large = [d for d in ordered if d.size >= apart_from]
    alone = large if len(large) == len(ordered) <= budget else large[: budget - 1]
    rest = sorted(ordered[len(alone) :], key=lambda d: (d.name.lower(), d.version))
    return (*((d,) for d in alone), *((tuple(rest),) if rest else ()))


def settle(distributions: Iterable[Distribution]) -> tuple[tuple[Distribution, ...], tuple[str, ...]]:
    """Sort by name, and keep each path only in the first distribution that has it.

    The second result lists paths with different contents: "bin/run (one 1.0, two 1.0)".
    """
    settled: list[Distribution] = []
    owners: dict[str, tuple[Distribution, str]] = {}
    clashes: dict[str, list[str]] = {}
    for distribution in sorted(distributions, key=lambda d: (d.name.lower(), d.version)):
        lost = {
            path
            for path, file in distribution.files.items()
            if owners.setdefault(path, (distribution, file.sha256))[1] != file.sha256
        }
        for path in sorted(lost):
            clashes.setdefault(path, [str(owners[path][0])]).append(str(distribution))
        files = {path: file for path, file in distribution.files.items() if path not in lost}
        settled.append(replace(distribution, files=files))
    return tuple(settled), tuple(f"{path} ({', '.join(names)})" for path, names in clashes.items())


def console_scripts(distributions: Iterable[Distribution]) -> dict[str, str]:
    """The entry points of all by command; of several with one command, the first has it, as in `settle`."""
    found: dict[str, str] = {}
    for distribution in distributions:
        found = {**distribution.scripts, **found}
    return found
