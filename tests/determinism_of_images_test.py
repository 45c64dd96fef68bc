"""Equal digests of the examples when the real Pants publishes them in different surroundings, with empty caches.

`determinism_test.py` varies the surroundings of a single layer in more ways, and faster.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ocikit.layer.compression import Compression
from ocikit.layer.placement import Placement, Source, place
from ocikit.layer.write import build_layer
from support.examples import examples_build_root
from support.pythons import folder_of_python

GOLDEN = Path(__file__).parent / "golden/images.json"
NAMES = ("api", "banner", "greeter", "site")


@dataclass(frozen=True)
class Surroundings:
    """Where and how the examples are published. `python` runs ocikit."""

    folder: str
    python: str
    umask: int = 0o022
    file_time: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)


USUAL = Surroundings("root", "3.9")
OTHERS = [
    pytest.param(
        Surroundings(
            "another/place/with-a-longer-name",
            "3.11",
            file_time=1_000_000_000,
            env={"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1700000000"},
        ),
        id="path-file-times-time-zone-locale-python-3.11",
    ),
    pytest.param(
        Surroundings("b", "3.10", umask=0o077, file_time=2, env={"PANTS_VERSION": "2.18.0a0"}),
        id="umask-pants-2.18-python-3.10",
    ),
]


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return publish(USUAL, tmp_path_factory.mktemp("usual"))


@pytest.mark.parametrize("surroundings", OTHERS)
def test_surroundings_do_not_matter(surroundings: Surroundings, usual: dict[str, str], tmp_path: Path) -> None:
    found = publish(surroundings, tmp_path)
    assert found == usual


def test_golden_digests_are_reproduced(usual: dict[str, str]) -> None:
    if os.environ.get("OCIKIT_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(usual, indent=2) + "\n", "utf-8")
    assert usual == json.loads(GOLDEN.read_text("utf-8"))


def test_the_user_does_not_matter() -> None:
    """Only its owner may be able to read the interpreter, so a forked child changes its user."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED AS ANOTHER USER: only root can become one.")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        sources = Path(folder, "sources")
        sources.mkdir()
        (sources / "run.sh").write_text("#!/bin/sh\n")
        # Also loads the lazy imports while they are readable.
        expected = build(sources, Path(folder, "root"))
        assert build_as(65534, sources, Path(folder, "nobody")) == expected


def publish(surroundings: Surroundings, directory: Path) -> dict[str, str]:
    """Publish with empty caches, and return the digest of every image."""
    caches = directory / "caches"
    env = {
        "PANTS_LOCAL_STORE_DIR": str(caches / "store"),
        "PANTS_NAMED_CACHES_DIR": str(caches / "named"),
        "PANTS_OCIKIT_INTERPRETER_CONSTRAINTS": f"['CPython=={surroundings.python}.*']",
        **surroundings.env,
    }
    # The requirements of `api` are for Python 3.9, whichever Python runs ocikit.
    options = f"--python-bootstrap-search-path={[folder_of_python(v) for v in (surroundings.python, '3.9')]}"
    with umask(surroundings.umask), examples_build_root(directory / surroundings.folder) as root:
        if surroundings.file_time is not None:
            for path in root.path.rglob("examples/**/*"):
                os.utime(path, (surroundings.file_time, surroundings.file_time))
                path.chmod(0o777 & path.stat().st_mode & ~surroundings.umask)
        root.pants(options, "publish", *(f"examples/{name}:push" for name in NAMES), env=env)
        digests = {name: digest_of(root.path / "dist/registry/examples" / name) for name in NAMES}
    shutil.rmtree(caches)
    return digests


def digest_of(layout: Path) -> str:
    entries = json.loads((layout / "index.json").read_text("utf-8"))["manifests"]
    (digest,) = {str(entry["digest"]) for entry in entries}
    return digest


def build(sources: Path, output: Path) -> str:
    entries = place([Source("run.sh", "a:a", executable=True)], Placement("/app"))
    layer = build_layer(entries, str(sources), str(output), Compression(), created_by="")
    return json.dumps(layer.to_json(), sort_keys=True)


def build_as(user: int, sources: Path, output: Path) -> str:
    """Build in a child process of `user`."""
    output.mkdir()
    os.chown(output, user, user)
    child = os.fork()
    if not child:
        try:
            os.setgid(user)
            os.setuid(user)
            os.umask(0o077)
            (output / "layer.json").write_text(build(sources, output))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return (output / "layer.json").read_text()


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
