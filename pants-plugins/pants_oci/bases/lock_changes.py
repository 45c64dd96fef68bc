"""`oci-lock` as data: the references to look up, and how the responses change the lock file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ocikit.image.lockfile import Lock, LockedBase
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform

_UNNAMED = "no `oci_base` names {} any more"


@dataclass(frozen=True)
class WantedLock:
    """A reference that targets name, and the platforms they need; None: all that the reference has."""

    reference: str
    targets: tuple[str, ...]
    platforms: tuple[Platform, ...] | None

    @property
    def where(self) -> str:
        return ", ".join(self.targets)

    def missing(self, available: Iterable[Platform]) -> tuple[Platform, ...]:
        """The platforms that targets name and that are not available."""
        found = tuple(available)
        return tuple(p for p in self.platforms or () if not any(p.runs(other) for other in found))

    def wants(self, platform: Platform) -> bool:
        return self.platforms is None or any(named.runs(platform) for named in self.platforms)


@dataclass(frozen=True)
class LockChanges:
    """The new lock; `changes` and `failures` are lines to print."""

    lock: Lock
    changes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def changed(
    references: Iterable[WantedLock], answers: Mapping[str, Any], lock: Lock, *, everything: bool
) -> LockChanges:
    """Update the lock. Pure. A reference that could not be looked up keeps its entry.

    With `everything`, entries that no target names are removed.
    """
    references = tuple(references)
    bases: dict[str, LockedBase] = {}
    changes: list[str] = []
    failures: list[str] = []
    for one in references:
        old = lock.bases.get(one.reference)
        answer = answers[one.reference]
        failure = _failure(one, answer, old)
        new = None if failure else _new_base(one, answer)
        gone = one.missing(p for p, _ in new.platforms) if new else ()
        if new and gone:
            has = ", ".join(str(platform) for platform, _ in new.platforms) or "none of the platforms that targets name"
            needed = ", ".join(map(str, gone))
            failure = f"{one.reference} has no image for {needed}, needed by {one.where}; available: {has}."
        if failure:
            failures.append(failure)
        elif new:
            bases[one.reference] = new
            changes += _describe_changes(one, old, new)
    kept = lock.with_only({one.reference for one in references}) if everything else lock
    changes += [
        f"{reference}: no `oci_base` names it any more, removed" for reference in sorted({*lock.bases} - {*kept.bases})
    ]
    return LockChanges(kept.updated(bases), tuple(changes), tuple(failures))


def checked(
    references: Iterable[WantedLock], answers: Mapping[str, Any], lock: Lock, *, everything: bool
) -> LockChanges:
    """Find what `changed` would change, as far as digests show. Pure. The lock in the result is the old one."""
    references = tuple(references)
    changes: list[str] = []
    failures: list[str] = []
    for one in references:
        old, answer = lock.bases.get(one.reference), answers[one.reference]
        failure = _failure(one, answer, old)
        if failure:
            failures.append(failure)
        elif old is None:
            changes.append(f"{one.reference}: is not locked, names {answer['digest']}")
        elif answer["digest"] != str(old.digest):
            changes.append(f"{one.reference}: {old.digest} → {answer['digest']}")
        else:
            locked = [platform for platform, _ in old.platforms]
            if not locked:
                changes.append(f"{one.reference}: no image is locked")
            changes += [f"{one.reference}: {platform} is not locked" for platform in one.missing(locked)]
            changes += [f"{one.reference}: {_UNNAMED.format(p)}" for p in locked if not one.wants(p)]
    if everything:
        unused = sorted({*lock.bases} - {one.reference for one in references})
        changes += [f"{reference}: no `oci_base` names it any more" for reference in unused]
    return LockChanges(lock, tuple(changes), tuple(failures))


def _failure(one: WantedLock, answer: Mapping[str, Any], old: LockedBase | None) -> str | None:
    if answer.get("gone"):
        kept = (
            "does not exist any more; {} names it. Its entry stays as it is." if old else "does not exist; {} names it."
        )
        return f"{one.reference} {kept.format(one.where)}"
    if "error" in answer:
        return f"{one.reference} could not be looked up for {one.where}: {answer['error']}"
    return None


def _new_base(one: WantedLock, answer: Mapping[str, Any]) -> LockedBase:
    found = {Platform.parse(name): Digest.parse(digest) for name, digest in answer["platforms"].items()}
    chosen = {platform: digest for platform, digest in found.items() if one.wants(platform)}
    return LockedBase(Digest.parse(answer["digest"]), tuple(chosen.items()))


def _describe_changes(one: WantedLock, old: LockedBase | None, new: LockedBase) -> Iterable[str]:
    if old is None:
        yield f"{one.reference}: locked, {new.digest}"
        return
    if old.digest != new.digest:
        yield f"{one.reference}: {old.digest} → {new.digest}"
    before, after = dict(old.platforms), dict(new.platforms)
    for platform in sorted({*before} - {*after}, key=str):
        gone = "has no image for {} any more" if one.wants(platform) else _UNNAMED
        yield f"{one.reference}: {gone.format(platform)}"
    for platform in sorted({*after} - {*before}, key=str):
        yield f"{one.reference}: also locked for {platform}"
    if old.digest == new.digest:
        # Only a manual edit or a merge causes this.
        for platform in sorted({*before} & {*after}, key=str):
            if before[platform] != after[platform]:
                yield f"{one.reference}: {platform}: {before[platform]} → {after[platform]}"
