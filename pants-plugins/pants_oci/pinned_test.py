from __future__ import annotations

import pytest

from ocikit.digest import Digest
from ocikit.errors import InvalidInput
from ocikit.lock import Lock, LockedBase
from ocikit.platform import Platform
from pants_oci.pinned import PinnedBase, lockable, pinned

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
def test_what_is_read_and_what_is_said_of_it(image: str, digest: str | None, name: str, named: str, read: str) -> None:
    base = pin(image, digest)
    assert str(base.digest) == read
    assert base.annotations == {NAME: name, DIGEST: named}


@pytest.mark.parametrize(
    "image, digest, platform, said",
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
            "python:3.12", None, Platform("linux", "arm64"), '"linux/arm64"; there are: linux/amd64', id="platform"
        ),
        pytest.param(f"python@{INDEX}", OTHER, LINUX, f"{INDEX}, `digest` {OTHER}; leave one", id="two-digests"),
    ],
)
def test_nothing_says_which_image_is_meant(image: str, digest: str | None, platform: Platform, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        pin(image, digest, platform)


def test_what_is_to_be_locked() -> None:
    assert lockable("python", None) == "docker.io/library/python:latest"
    assert lockable("python:3.12", None) == PYTHON
    assert lockable("python:3.12", OTHER) is None
    assert lockable(f"python@{OTHER}", None) is None
