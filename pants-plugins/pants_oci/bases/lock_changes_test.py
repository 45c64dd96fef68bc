from __future__ import annotations

import re
from typing import Any

import pytest

from ocikit.image.lockfile import Lock, LockedBase
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform
from pants_oci.bases.lock_changes import WantedLock, changed, checked

A, B, C, D = (Digest("sha256", digit * 64) for digit in "abcd")
LINUX, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")
ONE, OTHER = "one.example/base:1", "one.example/other:1"
OLD = LockedBase(A, ((LINUX, B),))
LOCK = Lock({ONE: OLD, OTHER: OLD})
SAME = {"digest": str(A)}


def references(*platforms: Platform) -> tuple[WantedLock, ...]:
    return (WantedLock(ONE, ("//:one", "//:two"), platforms or None),)


def moved(**platforms: Digest) -> dict[str, Any]:
    names = {"amd": "linux/amd64", "arm": "linux/arm64", "windows": "windows/amd64"}
    return {"digest": str(C), "platforms": {names[key]: str(digest) for key, digest in platforms.items()}}


def same(**platforms: Digest) -> dict[str, Any]:
    return {**moved(**platforms), **SAME}


@pytest.mark.parametrize(
    "answer, platforms, lock, new, changes, failures",
    [
        pytest.param(same(amd=B), (), LOCK, OLD, [], [], id="unchanged"),
        pytest.param(
            same(amd=B, arm=D),
            (),
            LOCK,
            LockedBase(A, ((LINUX, B), (ARM, D))),
            ["also locked for linux/arm64"],
            [],
            id="more-platforms-are-needed",
        ),
        pytest.param(
            same(amd=B, arm=D),
            (ARM,),
            Lock({ONE: LockedBase(A, ((LINUX, B), (ARM, D))), OTHER: OLD}),
            LockedBase(A, ((ARM, D),)),
            ["no `oci_base` names linux/amd64 any more"],
            [],
            id="fewer-platforms-are-needed",
        ),
        pytest.param(
            same(amd=D),
            (LINUX,),
            LOCK,
            LockedBase(A, ((LINUX, D),)),
            [f"linux/amd64: {B} → {D}"],
            [],
            id="another-image-is-locked",
        ),
        pytest.param(
            moved(amd=D), (), Lock({OTHER: OLD}), LockedBase(C, ((LINUX, D),)), [f"locked, {C}"], [], id="new"
        ),
        pytest.param(moved(amd=D), (), LOCK, LockedBase(C, ((LINUX, D),)), [f"{A} → {C}"], [], id="moved"),
        pytest.param(
            moved(amd=D, arm=D),
            (),
            LOCK,
            LockedBase(C, ((LINUX, D), (ARM, D))),
            [f"{A} → {C}", "also locked for linux/arm64"],
            [],
            id="platform-added",
        ),
        pytest.param(
            moved(arm=D),
            (),
            LOCK,
            LockedBase(C, ((ARM, D),)),
            [f"{A} → {C}", "no image for linux/amd64 any more", "also locked for linux/arm64"],
            [],
            id="platform-dropped",
        ),
        pytest.param(
            moved(arm=D),
            (LINUX,),
            LOCK,
            OLD,
            [],
            ["no image for linux/amd64, needed by //:one, //:two; available: none of the platforms"],
            id="needed-platform-dropped",
        ),
        pytest.param(
            moved(amd=D, arm=D, windows=D),
            (LINUX,),
            LOCK,
            LockedBase(C, ((LINUX, D),)),
            [f"{A} → {C}"],
            [],
            id="only-some-platforms-are-needed",
        ),
        pytest.param(
            {"gone": True}, (), LOCK, OLD, [], [f"{ONE} does not exist.*//:one, //:two.*stays"], id="tag-deleted"
        ),
        pytest.param(
            {"error": "503 (HEAD)"},
            (),
            LOCK,
            OLD,
            [],
            [f"{ONE} could not be looked up for //:one.*503"],
            id="registry-down",
        ),
    ],
)
def test_changes(
    answer: dict[str, Any],
    platforms: tuple[Platform, ...],
    lock: Lock,
    new: LockedBase,
    changes: list[str],
    failures: list[str],
) -> None:
    result = changed(references(*platforms), {ONE: answer}, lock, everything=False)
    assert result.lock == Lock({OTHER: OLD, ONE: new})
    assert_lines(result.changes, changes)
    assert_lines(result.failures, failures)
    only = changed(references(*platforms), {ONE: answer}, lock, everything=True)
    assert only.lock == Lock({ONE: new})
    assert_lines(only.changes, [*changes, f"{OTHER}: no `oci_base` names it"])


@pytest.mark.parametrize(
    "answer, platforms, lock, changes, failures",
    [
        pytest.param(SAME, (), LOCK, [], [], id="unchanged"),
        pytest.param({"digest": str(C)}, (), LOCK, [f"{A} → {C}"], [], id="moved"),
        pytest.param(
            SAME, (), Lock({ONE: LockedBase(A, ()), OTHER: OLD}), ["no image is locked"], [], id="half-an-entry"
        ),
        pytest.param({"digest": str(C)}, (), Lock({OTHER: OLD}), [f"not locked, names {C}"], [], id="new"),
        pytest.param(
            SAME,
            (ARM,),
            LOCK,
            ["linux/arm64 is not locked", "no `oci_base` names linux/amd64 any more"],
            [],
            id="platforms",
        ),
        pytest.param({"gone": True}, (), LOCK, [], ["does not exist any more.*stays"], id="tag-deleted"),
        pytest.param(
            {"gone": True}, (), Lock({OTHER: OLD}), [], ["not exist; //:one.* names it.$"], id="tag-never-was"
        ),
        pytest.param({"error": "503"}, (), LOCK, [], ["could not be looked up.*503"], id="registry-down"),
    ],
)
def test_check(
    answer: dict[str, Any], platforms: tuple[Platform, ...], lock: Lock, changes: list[str], failures: list[str]
) -> None:
    result = checked(references(*platforms), {ONE: answer}, lock, everything=False)
    assert result.lock == lock
    assert_lines(result.changes, changes)
    assert_lines(result.failures, failures)
    everything = checked(references(*platforms), {ONE: answer}, lock, everything=True)
    assert_lines(everything.changes, [*changes, f"{OTHER}: no `oci_base` names it"])


def assert_lines(lines: tuple[str, ...], parts: list[str]) -> None:
    assert len(lines) == len(parts), lines
    for line, part in zip(lines, parts):
        assert re.search(part, line), line
