from __future__ import annotations

import pytest

from ocikit.errors import InvalidInput
from ocikit.image.lockfile import Lock, LockedBase
from ocikit.spec.digest import Digest
from ocikit.spec.platform import Platform
from pants_oci.bases.pinned import PinnedBase, lockable, pinned

INDEX, AMD, OTHER = (f"sha256:{digit * 64}" for digit in "123")
LINUX = Platform("linux", "amd64")
PYTHON = "docker.io/library/python:3.12"
LOCK = Lock({PYTHON: LockedBase(Digest.parse(INDEX), ((LINUX, Digest.parse(AMD)),))})
NAME, DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"


def pin(image: str, digest: str | None = None, platform: Platform = LINUX) -> PinnedBase:
    return pinned(image, digest, platform, LOCK, "oci.lock")


@pytest.mark.parametrize(
    "image, digest, name, named, read",
    [
        pytest.param("python:3.12", None, PYTHON, INDEX, AMD, id="locked"),
        pytest.param("python:3.12", OTHER, PYTHON, OTHER, OTHER, id="pinned-by-digest"),
        pytest.param(f"python:3.12@{OTHER}", None, PYTHON, OTHER, OTHER, id="pinned-by-reference"),
        pytest.param(f"python:3.12@{OTHER}", OTHER, PYTHON, OTHER, OTHER, id="pinned-by-both"),
        pytest.param("python", OTHER, f"docker.io/library/python@{OTHER}", OTHER, OTHER, id="no-tag"),
    ],
)
def test_digest_and_annotations(image: str, digest: str | None, name: str, named: str, read: str) -> None:
    base = pin(image, digest)
    assert str(base.digest) == read
    assert base.annotations == {NAME: name, DIGEST: named}


@pytest.mark.parametrize(
    "image, digest, platform, message",
    [
        pytest.param(
            "python:3.13",
            None,
            LINUX,
            '"docker.io/library/python:3.13".*oci.lock.*pants oci-lock.*`digest`',
            id="unlocked",
        ),
        pytest.param("python", None, LINUX, '"docker.io/library/python:latest"', id="latest"),
        pytest.param(
            "python:3.12", None, Platform("linux", "arm64"), '"linux/arm64"; available: linux/amd64', id="platform"
        ),
        pytest.param(f"python@{INDEX}", OTHER, LINUX, f"{INDEX}, and `digest` is {OTHER}; leave one", id="two-digests"),
    ],
)
def test_an_image_that_cannot_be_selected(image: str, digest: str | None, platform: Platform, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        pin(image, digest, platform)


def test_lockable() -> None:
    assert lockable("python", None) == "docker.io/library/python:latest"
    assert lockable("python:3.12", None) == PYTHON
    assert lockable("python:3.12", OTHER) is None
    assert lockable(f"python@{OTHER}", None) is None
