from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocikit.errors import InvalidInput, OcikitError
from ocikit.layer.from_directory import sources_in
from ocikit.testing.deep_directories import LEVELS, deep_directories


def test_everything_is_listed_in_order(tmp_path: Path) -> None:
    (tmp_path / "b" / "empty").mkdir(parents=True)
    (tmp_path / "b" / "run").write_bytes(b"")
    (tmp_path / "b" / "run").chmod(0o500)
    (tmp_path / "b" / "data").write_bytes(b"")
    (tmp_path / "b" / "data").chmod(0o666)
    (tmp_path / "a").symlink_to("nowhere")
    (tmp_path / "c").symlink_to("b")
    found = [(s.path, s.kind, s.executable, s.target) for s in sources_in(str(tmp_path))]
    assert found == [
        ("a", "symlink", False, "nowhere"),
        ("b", "directory", False, ""),
        ("b/data", "file", False, ""),
        ("b/empty", "directory", False, ""),
        ("b/run", "file", True, ""),
        ("c", "symlink", False, "b"),
    ]


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match=r"pipe\" is not a file, directory or symlink"):
        sources_in(str(tmp_path))


@pytest.mark.parametrize("name", ["missing", "file"])
def test_a_missing_directory_or_a_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OcikitError, match="cannot read"):
        sources_in(str(tmp_path / name))


def test_directories_as_deep_as_a_path_can_be(tmp_path: Path) -> None:
    with deep_directories(tmp_path):
        assert len(sources_in(str(tmp_path))) == LEVELS
