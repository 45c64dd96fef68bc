"""Cached processes give the same bytes in the sandbox of another machine.

The tests cover all cached commands of ocikit without network access, and the compiler of modules. `base` and
`base_layer` are cached as well, but run where the credentials are, and their bytes have the requested digest.
`OCIKIT_TEST_PYTHONS` names more interpreters, separated by ":", that have the requirements.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ocikit.layer.compression import Compression
from ocikit.layer.placement import Owner, Placement, Source, place
from ocikit.spec import canonical_json
from ocikit.spec.manifest import Manifest
from ocikit.spec.platform import Platform
from ocikit.store.archive import write_archive
from ocikit.store.layout import Layout
from ocikit.testing.images import tiny_layout
from pants_oci.python_app.compiled_modules import COMPILE_ENVIRONMENT, compile_arguments
from support.commands import SOURCES
from support.saved_images import docker_archive
from support.worker import Job, Worker, run_here, run_there

PYTHONS = [
    pytest.param(python, id=python.replace(os.sep, "-"))
    for python in (sys.executable, *filter(None, os.environ.get("OCIKIT_TEST_PYTHONS", "").split(":")))
]
AMD = Platform("linux", "amd64")

FILES: Mapping[str, bytes] = {
    **{f"app/package{n}/module{n}.py": b"value = %d\n" % n * 500 for n in range(20)},
    "app/run.sh": b"#!/bin/sh\n",
    "app/ünï.txt": b"x",
    "app/I.txt": b"",
    "app/i.txt": b"",
    # Above 512 KB, Pants places files into sandboxes in another way.
    "app/large.bin": b"".join(b"%d," % n for n in range(200_000)),
    "app/old.conf": b"a = 1\n",
}
LINKS = {"app/dangling": "nowhere", "app/folder": "package1", "app/absolute": "/etc/passwd", "app/file": "run.sh"}
PLACEMENT = Placement(
    "/srv/app",
    strip_prefix="app",
    rename={"old.conf": "conf.d/new.conf"},
    owner=Owner(1000, 2**32 - 2),
    file_mode=0o640,
    directory_mode=0o2750,
    symlinks={"/usr/bin/run": "/srv/app/run.sh"},
)
# Up to Python 3.10, the compiled form of a module depends on the names in other loaded modules.
MODULE = """
import json, os

class JSONDecoder:
    def dumps(self, obj, *, cls=None, encoding="utf-8", **kw):
        return obj in {"red", "green", "blue", "encoding", 1.5, b"x"} or os.environ.get("HOME")

def normalize(path, default=("a", "b"), *args): return lambda: [path for _ in args]
"""
IMPORTING = "import json, http.client, xml.dom.minidom\n"

WORKERS = [
    pytest.param(Worker(user=12345, umask=0o077), id="somebody"),
    pytest.param(Worker(modes=(0o444, 0o555, 0o700), seconds=1_321_009_871), id="read-only-and-2011"),
    pytest.param(Worker(modes=(0o777, 0o777, 0o777), umask=0), id="everything-executable"),
    pytest.param(Worker(modes=(0o600, 0o600, 0o755), seconds=1, linked=True), id="nothing-executable-and-linked"),
    pytest.param(Worker(backwards=True, seconds=4_000_000_000), id="another-file-system"),
    pytest.param(
        Worker(
            user=65534,
            env={
                "TZ": "Pacific/Kiritimati",
                "LANG": "tr_TR.UTF-8",
                "LC_ALL": "POSIX",
                "SOURCE_DATE_EPOCH": "1",
                "PYTHONOPTIMIZE": "2",
                "PYTHONPYCACHEPREFIX": "/dev/null/elsewhere",
                "PYTHONWARNINGS": "error",
                "PYTHONHASHSEED": "77",
                "PYTHONUTF8": "0",
                "PYTHONCOERCECLOCALE": "0",
                "PYTHONIOENCODING": "cp1252",
            },
        ),
        id="locale",
    ),
]


def request(command: str, document: Mapping[str, Any], inputs: Mapping[str, bytes], *outputs: str, **more: Any) -> Job:
    """A call of ocikit, as by Pants."""
    files = {f"input/{path}": content for path, content in inputs.items()}
    words = ("-m", "ocikit", command, "request.json")
    return Job(words, {**files, "request.json": canonical_json.dumps(document)}, outputs, **more)


def layer(compression: str, placement: Placement) -> Job:
    sources = [Source(path, "a:a", executable=path.endswith(".sh")) for path in FILES]
    sources += [Source(path, "a:a", kind="symlink", target=target) for path, target in LINKS.items()]
    sources += [Source(path, "a:a", kind="directory") for path in ("app/empty", "app/deep/er/empty")]
    document = {"entries": [entry.to_json() for entry in place(sources, placement)], "compression": compression}
    return request(
        "layer",
        document,
        FILES,
        "layer.json",
        "layer.blob",
        executable=("input/app/run.sh",),
        directories=("input/app/empty", "input/app/deep/er/empty"),
        symlinks={f"input/{path}": target for path, target in LINKS.items()},
    )


def archived_base(archive: bytes) -> Job:
    document = {"platform": str(AMD), "digest": None, "compression": "gzip:6"}
    return request("archived_base", document, {"archive": archive}, "manifest.json", "config.json", "layers")


def jobs_on_an_image(folder: Path) -> Mapping[str, Job]:
    """Jobs that read an image."""
    digest = tiny_layout(folder / "layout", FILES, compression=Compression())
    layout = Layout(str(folder / "layout"))
    manifest = layout.fetch_manifest(str(digest))
    assert isinstance(manifest, Manifest)
    (blob,) = manifest.layers
    files = {
        str(path.relative_to(layout.path)): path.read_bytes() for path in Path(layout.path).rglob("*") if path.is_file()
    }
    path = f"blobs/sha256/{blob.digest.hex}"
    write_archive(layout.path, digest, None, str(folder / "archive"))
    archive = {"digest": str(digest), "name": "web:1", "output": "dist/image.tar"}
    return {
        "layer_files": request(
            "layer_files", {"layer": blob.to_json()}, {path: files[path]}, "files.json", "count.json"
        ),
        "archive": request("archive", archive, files, "dist"),
        "archived_base-layout": archived_base((folder / "archive").read_bytes()),
    }


def compiled() -> Job:
    folders = ("lib", "src")
    files = {f"input/{folder}/package/{name}.py": MODULE.encode() for folder in folders for name in ("a", "ünï", "b")}
    files["input/src/broken.py"] = b"print 1\n"
    outputs = tuple(f"input/{folder}" for folder in folders)
    return Job(compile_arguments("/app", folders), files, outputs, env=COMPILE_ENVIRONMENT)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Job]:
    saved = docker_archive(FILES["app/large.bin"])
    manifest = "image: pants://web:push # ünï\n".encode()
    return {
        "layer-gzip": layer("gzip:6", PLACEMENT),
        "layer-zstd": layer("zstd:3", Placement()),
        "layer-none": layer("none", PLACEMENT),
        "archived_base-saved": archived_base(saved),
        "archived_base-compressed": archived_base(gzip.compress(saved, mtime=0)),
        "manifests": request("manifests", {"files": ["a.yaml"]}, {"a.yaml": manifest}, "answer.json"),
        **jobs_on_an_image(tmp_path_factory.mktemp("image")),
    }


@pytest.fixture(scope="module")
def expected(jobs: Mapping[str, Job], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, bytes]]:
    """The local outputs of each job."""
    folder = tmp_path_factory.mktemp("here")
    return {name: run_here(job, folder / name / "root", sys.executable, SOURCES) for name, job in jobs.items()}


@pytest.mark.parametrize("worker", WORKERS)
def test_another_sandbox(worker: Worker, jobs: Mapping[str, Job], expected: Mapping[str, Mapping[str, bytes]]) -> None:
    for name, job in jobs.items():
        same(run_there(job, worker, sys.executable, SOURCES), expected[name], name)


@pytest.mark.parametrize("python", PYTHONS)
def test_another_python(python: str, jobs: Mapping[str, Job], expected: Mapping[str, Mapping[str, bytes]]) -> None:
    for name, job in jobs.items():
        same(run_there(job, Worker(), python, SOURCES), expected[name], name)


@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("python", PYTHONS)
def test_modules_are_compiled_to_the_same_bytes(python: str, worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(IMPORTING)
    here = run_here(compiled(), tmp_path / "here/root", python, tmp_path)
    there = run_there(compiled(), worker, python)
    assert sum(path.endswith(".pyc") for path in here) == 6
    same(there, here, "compiled")


def same(found: Mapping[str, bytes], expected: Mapping[str, bytes], name: str) -> None:
    assert sorted(found) == sorted(expected), name
    assert [path for path in found if found[path] != expected[path]] == [], name
