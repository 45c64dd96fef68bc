"""The lock file: the digests that the tags of bases had when it was written, as text that people read and Git merges.

    docker.io/library/python:3.12-slim linux/amd64 sha256:…
    docker.io/library/python:3.12-slim linux/arm64 sha256:…
    docker.io/library/python:3.12-slim tag sha256:…

There is a line for each platform, with the digest of its manifest, and one for the tag itself, which names an index or
a manifest. Lines are sorted, each is complete, and readers accept any order, so that Git merges the additions of two
branches line by line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform
from ocikit.spec.reference import Reference

_HEAD = """\
# The images that the tags of `oci_base` targets name. Commit this file. `pants oci-lock` writes it, also where a merge
# left it in conflict. Each line: a reference, a platform (or "tag": what the reference itself names), a digest.
"""
_TAG = "tag"
_CONFLICT = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")


@dataclass(frozen=True)
class LockedBase:
    """A locked tag: the `digest` of its index or manifest, and the manifest for each platform."""

    digest: Digest
    platforms: tuple[tuple[Platform, Digest], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "platforms", tuple(sorted(self.platforms, key=lambda item: str(item[0]))))

    def select(self, platform: Platform) -> Digest | None:
        """The digest of the manifest for `platform`, None if there is none."""
        return next((digest for known, digest in self.platforms if platform.runs(known)), None)


@dataclass(frozen=True)
class Lock:
    """Locked bases by their references, in the full form: `str(Reference)`, with a tag.

    `Lock.parse(str(lock)) == lock`.
    """

    bases: Mapping[str, LockedBase] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def parse(cls, text: str, name: str = "the lock file") -> Lock:
        """Parse the file called `name`; raises InvalidContent with the line."""
        found: dict[tuple[str, str], tuple[int, Digest]] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                reference, kind, digest = _read(line)
            except InvalidInput as error:
                raise InvalidContent(f"{name}, line {number}: {error}") from None
            first, other = found.setdefault((reference, kind), (number, digest))
            if other != digest:
                raise InvalidContent(
                    f"{name}, lines {first} and {number}: two digests for {reference} {kind}. "
                    "Run `pants oci-lock` to rewrite the file."
                )
        return cls(MappingProxyType(_grouped(found, name)))

    def __str__(self) -> str:
        lines = [
            f"{reference} {kind} {digest}\n"
            for reference, base in self.bases.items()
            for kind, digest in ((_TAG, base.digest), *base.platforms)
        ]
        return _HEAD + "".join(sorted(lines))

    def with_only(self, references: Iterable[str]) -> Lock:
        """A copy with only the bases of `references`."""
        kept = set(references)
        return Lock(MappingProxyType({name: base for name, base in self.bases.items() if name in kept}))

    def updated(self, bases: Mapping[str, LockedBase]) -> Lock:
        """A copy with `bases` added or replaced."""
        return Lock(MappingProxyType({**self.bases, **bases}))


def _read(line: str) -> tuple[str, str, Digest]:
    if line.startswith(_CONFLICT):
        raise InvalidInput("this is a merge conflict marker. Run `pants oci-lock` to rewrite the file.")
    words = line.split()
    if len(words) != 3:
        raise InvalidInput(f'expected a reference, a platform or "{_TAG}", and a digest, got "{line.strip()}".')
    reference = Reference.parse(words[0])
    if str(reference) != words[0] or reference.tag is None or reference.digest:
        raise InvalidInput(f'"{words[0]}" is not in the full form, "registry/path:tag".')
    if words[1] != _TAG:
        Platform.parse(words[1])
    return words[0], words[1], Digest.parse(words[2])


def _grouped(found: Mapping[tuple[str, str], tuple[int, Digest]], name: str) -> dict[str, LockedBase]:
    platforms: dict[str, list[tuple[Platform, Digest]]] = {}
    for (reference, kind), (number, digest) in found.items():
        if (reference, _TAG) not in found:
            raise InvalidContent(
                f'{name}, line {number}: there is no line "{reference} {_TAG} …" for the tag itself. '
                "Run `pants oci-lock` to rewrite the file."
            )
        entries = platforms.setdefault(reference, [])
        if kind != _TAG:
            entries.append((Platform.parse(kind), digest))
    return {
        reference: LockedBase(found[reference, _TAG][1], tuple(entries)) for reference, entries in platforms.items()
    }
