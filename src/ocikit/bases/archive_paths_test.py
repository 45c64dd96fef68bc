from __future__ import annotations

import pytest

from ocikit.bases.archive_paths import normal_path, resolved
from ocikit.errors import InvalidContent, NotFound, OcikitError

FILES = {"manifest.json": 0, "abc.tar": 0, "x/layer.tar": 0}
LINKS = {"y/layer.tar": "abc.tar", "z/layer.tar": "y/layer.tar", "lost": "gone", "a": "b", "b": "a"}


@pytest.mark.parametrize(
    "name, folder, path",
    [
        pytest.param("./manifest.json", "", "manifest.json", id="dot"),
        pytest.param("blobs//sha256/x", "", "blobs/sha256/x", id="slashes"),
        pytest.param("../abc.tar", "y", "abc.tar", id="link-to-a-sibling"),
        pytest.param("a/../b", "", "b", id="dots-that-stay"),
    ],
)
def test_paths_are_normal(name: str, folder: str, path: str) -> None:
    assert normal_path(name, folder) == path


@pytest.mark.parametrize(
    "name, folder",
    [
        pytest.param("", "", id="empty"),
        pytest.param("/etc/passwd", "", id="absolute"),
        pytest.param("/etc/passwd", "y", id="absolute-link"),
        pytest.param("..", "", id="parent"),
        pytest.param("a/../../b", "", id="dots"),
        pytest.param("../../b", "y", id="link-out"),
    ],
)
def test_paths_that_leave_the_archive(name: str, folder: str) -> None:
    with pytest.raises(InvalidContent, match="leads out of it"):
        normal_path(name, folder)


@pytest.mark.parametrize(
    "path, file",
    [("x/layer.tar", "x/layer.tar"), ("./abc.tar", "abc.tar"), ("y/layer.tar", "abc.tar"), ("z/layer.tar", "abc.tar")],
)
def test_links_lead_to_files(path: str, file: str) -> None:
    assert resolved(path, FILES, LINKS) == file


@pytest.mark.parametrize(
    "path, failure, text",
    [
        ("w/layer.tar", NotFound, 'no file "w/layer.tar". Save'),
        ("lost", NotFound, 'no file "gone", which "lost" links to'),
        ("a", InvalidContent, 'link "a" leads to itself'),
        ("../x", InvalidContent, "leads out of it"),
    ],
)
def test_paths_that_lead_nowhere(path: str, failure: type[OcikitError], text: str) -> None:
    with pytest.raises(failure, match=text):
        resolved(path, FILES, LINKS)
