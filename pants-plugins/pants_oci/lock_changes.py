"""What `oci-lock` does, as data: which tags to ask about, and what the answers make of the lock file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ocikit.digest import Digest
from ocikit.lock import Lock, LockedBase
from ocikit.platform import Platform


@dataclass(frozen=True)
class WantedLock:
    """A reference that targets name, and the platforms they want; None: all that it has."""

    reference: str
    targets: tuple[str, ...]
    platforms: tuple[Platform, ...] | None

    @property
    def where(self) -> str:
        return ", ".join(self.targets)

    def missing(self, there: Iterable[Platform]) -> tuple[Platform, ...]:
        """The platforms that targets name and that are not there."""
        found = tuple(there)
        return tuple(p for p in self.platforms or () if not any(p.runs(other) for other in found))


@dataclass(frozen=True)
class LockChanges:
    """The new lock; `changes` and `failures`, a line each."""

    lock: Lock
    changes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def known_digests(wanted: Iterable[WantedLock], lock: Lock) -> dict[str, str | None]:
    """What need not be looked into, by reference: the locked digest, where the lock has all that is wanted of it."""
    return {one.reference: _known(one, lock.bases.get(one.reference)) for one in wanted}


def changed(wanted: Iterable[WantedLock], answers: Mapping[str, Any], lock: Lock, *, everything: bool) -> LockChanges:
    """Pure. What could not be asked keeps its entry. `everything`: what is not wanted goes."""
    wanted = tuple(wanted)
    bases: dict[str, LockedBase] = {}
    changes: list[str] = []
    failures: list[str] = []
    for one in wanted:
        old = lock.bases.get(one.reference)
        answer = answers[one.reference]
        failure = _failure(one, answer)
        new = None if failure else _new_base(one, answer, old)
        gone = one.missing(p for p, _ in new.platforms) if new else ()
        if new and gone:
            has = ", ".join(str(platform) for platform, _ in new.platforms) or "none of those that are wanted"
            failure = (
                f"{one.reference} has no image for {', '.join(map(str, gone))}, which {one.where} wants; it has: {has}."
            )
        if failure:
            failures.append(failure)
        elif new:
            bases[one.reference] = new
            changes += _told(one.reference, old, new)
    kept = lock.with_only({one.reference for one in wanted}) if everything else lock
    changes += [
        f"{reference}: no `oci_base` names it any more, removed" for reference in sorted({*lock.bases} - {*kept.bases})
    ]
    return LockChanges(kept.updated(bases), tuple(changes), tuple(failures))


def checked(wanted: Iterable[WantedLock], answers: Mapping[str, Any], lock: Lock, *, everything: bool) -> LockChanges:
    """Pure. What `changed` would change, as far as digests tell; the lock is the old one."""
    wanted = tuple(wanted)
    changes: list[str] = []
    failures: list[str] = []
    for one in wanted:
        old, answer = lock.bases.get(one.reference), answers[one.reference]
        failure = _failure(one, answer)
        if failure:
            failures.append(failure)
        elif old is None:
            changes.append(f"{one.reference}: is not locked, names {answer['digest']}")
        elif answer["digest"] != str(old.digest):
            changes.append(f"{one.reference}: {old.digest} → {answer['digest']}")
        elif _known(one, old) is None:
            missing = ", ".join(map(str, one.missing(p for p, _ in old.platforms)))
            changes.append(f"{one.reference}: {missing or 'the platforms that are wanted'} not locked")
    if everything:
        unused = sorted({*lock.bases} - {one.reference for one in wanted})
        changes += [f"{reference}: no `oci_base` names it any more" for reference in unused]
    return LockChanges(lock, tuple(changes), tuple(failures))


def _known(one: WantedLock, old: LockedBase | None) -> str | None:
    """The locked digest, where nothing else is to be found out about it."""
    if old is None or not old.platforms or one.missing(p for p, _ in old.platforms):
        return None
    return str(old.digest)


def _failure(one: WantedLock, answer: Mapping[str, Any]) -> str | None:
    if answer.get("gone"):
        return f"{one.reference} does not exist (any more); {one.where} names it. Its entry stays as it is."
    if "error" in answer:
        return f"{one.reference} could not be looked up for {one.where}: {answer['error']}"
    return None


def _new_base(one: WantedLock, answer: Mapping[str, Any], old: LockedBase | None) -> LockedBase:
    if "platforms" not in answer:
        assert old
        return old
    found = {Platform.parse(name): Digest.parse(digest) for name, digest in answer["platforms"].items()}
    chosen = {
        platform: digest
        for platform, digest in found.items()
        if one.platforms is None or any(wanted.runs(platform) for wanted in one.platforms)
    }
    return LockedBase(Digest.parse(answer["digest"]), tuple(chosen.items()))


def _told(reference: str, old: LockedBase | None, new: LockedBase) -> Iterable[str]:
    if old is None:
        yield f"{reference}: locked, {new.digest}"
        return
    if old.digest != new.digest:
        yield f"{reference}: {old.digest} → {new.digest}"
    before, after = ({platform for platform, _ in base.platforms} for base in (old, new))
    for platform in sorted(map(str, before - after)):
        yield f"{reference}: has no image for {platform} any more"
    for platform in sorted(map(str, after - before)):
        yield f"{reference}: now for {platform} too"
