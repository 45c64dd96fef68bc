"""Memory stays within its bound for the largest layers that the limits allow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import zstandard

from ocikit.layer.limits import DEFAULT_LIMITS, NAME_BYTES
from ocikit.spec import media_type
from ocikit.testing.measured import layout_of, measured
from ocikit.testing.tar_parts import names

MEMORY = 200 * 1024 * 1024
# The blobs are so small that the default limit would refuse to unpack them.
OPTION = "--max-layer-expansion=100000"


def image(path: Path, count: int, length: int, mark: str = "") -> str:
    """A layout whose layer uses the largest zstd window that is allowed."""
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=25)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    return layout_of(path, compressor.compress(names(count, length, mark.encode())), kind=media_type.OCI_LAYER_ZSTD)


def test_the_most_files_with_the_longest_names(tmp_path: Path) -> None:
    name = image(tmp_path / "l", DEFAULT_LIMITS.files, NAME_BYTES - 1)
    found = measured("inspect", "--files=3", OPTION, name, folder=tmp_path)
    assert (found.code, found.said.count("1 B  /")) == (0, 3), found
    assert found.memory < MEMORY


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    folder = tmp_path_factory.mktemp("pair")
    return [image(folder / mark, DEFAULT_LIMITS.files // 2, NAME_BYTES - 1, mark) for mark in ("a", "b")]


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["lines", "json"])
def test_two_images_that_differ_in_every_file(options: Sequence[str], pair: Sequence[str], tmp_path: Path) -> None:
    found = measured("diff", *options, OPTION, *pair, folder=tmp_path)
    assert found.code == 0, found
    assert (tmp_path / "stdout").stat().st_size > DEFAULT_LIMITS.files * NAME_BYTES
    assert found.memory < MEMORY
