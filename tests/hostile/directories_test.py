"""Directories: layouts of others or with many writers, and folders with files that no layer can have."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Callable

import pytest

from hostile.contents import ImageParts, descriptor, tree, write_layout
from hostile.rows import ENDS, FAILS, SUCCEEDS, Row, Scene, scene_in, table
from ocikit.publish.request import Destination, PushRequest
from ocikit.publish.steps import Plan, PutManifest
from ocikit.spec import media_type
from ocikit.spec.digest import Digest
from ocikit.store.layout import Layout
from support.client_process import Ran, run_client, start_client
from support.hostile_server import raw_answer, wait_until

GIB = 1024 * 1024 * 1024
OUT = ("copy", "oci:layout:1", "oci:out:1")
IN = ("inspect", "oci:layout:1", "--files", "1")
VERIFY = ("verify", "oci:layout:1")
BUILD = ("build", "--output", "oci:out:1", "--layer", "folder")
PUBLISH = ("publish", "request.json")


def index(change: Callable[[dict[str, Any]], object]) -> Callable[[Scene], None]:
    """Change `index.json` of the usual layout."""

    def prepared(scene: Scene) -> None:
        path = scene.work / "layout/index.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return prepared


def entry(**members: Any) -> Callable[[Scene], None]:
    return index(lambda document: document["manifests"][0].update(members))


def instead_of(name: str, make: Callable[[Path], object]) -> Callable[[Scene], None]:
    """Replace a file of the layout by another kind: `name` is "index.json", "oci-layout", "manifest" or "layer"."""

    def prepared(scene: Scene) -> None:
        layout = Layout(scene.work / "layout")
        manifest: Any = layout.fetch_manifest("1")
        blobs = {"manifest": manifest.descriptor, "config": manifest.config, "layer": manifest.layers[0]}
        path = Path(layout.blob_path(blobs[name].digest)) if name in blobs else scene.work / "layout" / name
        path.unlink()
        make(path)

    return prepared


def hole(path: Path) -> None:
    """A sparse file of 8 GiB."""
    with path.open("wb") as stream:
        stream.truncate(8 * GIB)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        # The path of a socket's address must be short.
        here = os.open(path.parent, os.O_RDONLY)
        try:
            server.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


KINDS: Mapping[str, Callable[[Path], object]] = {
    "fifo": os.mkfifo,
    "socket": socket_at,
    "folder": Path.mkdir,
    "device": device,
    "hole": hole,
    "loop": lambda path: path.symlink_to(path),
    "empty": Path.touch,
}
ENTRIES: Mapping[str, Any] = {
    "digest-leads-out": {"digest": "sha256:../../../../../etc/hostname"},
    "digest-of-a-kind-that-leads-out": {"digest": f"../../blobs/sha256:{'0' * 64}"},
    "digest-is-a-number": {"digest": 5},
    "size-is-enormous": {"size": 10**300},
    "size-is-negative": {"size": -1},
    "size-is-2-to-the-63": {"size": 2**63},
    "annotations-are-a-list": {"annotations": ["org.opencontainers.image.ref.name"]},
    "tag-is-a-number": {"annotations": {"org.opencontainers.image.ref.name": 5}},
    "tag-leads-out": {"annotations": {"org.opencontainers.image.ref.name": "../../1"}},
    "platform-is-text": {"platform": "linux/amd64"},
    "media-type-is-null": {"mediaType": None},
}


def folder(make: Callable[[Path], object]) -> Callable[[Scene], None]:
    def prepared(scene: Scene) -> None:
        (scene.work / "folder").mkdir()
        (scene.work / "folder/file.txt").write_text("text")
        make(scene.work / "folder")

    return prepared


ODD_FILES: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "fifo": (lambda folder: os.mkfifo(folder / "a-fifo"), "a-fifo"),
    "socket": (lambda folder: socket_at(folder / "a-socket"), "a-socket"),
    "name-not-utf-8": (lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9")).touch(), "caf"),
    "target-not-utf-8": (lambda folder: (folder / "link").symlink_to(os.fsdecode(b"caf\xe9")), "link"),
    "folder-not-utf-8": (lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/d\xff")).mkdir(), "d"),
}


def endless_file(folder: Path) -> None:
    """A link to a device, which is stored as a link and never read."""
    (folder / "zero").symlink_to("/dev/zero")


def layouts() -> Iterator[Row]:
    for name in ("index.json", "oci-layout", "manifest", "layer"):
        for kind, make in KINDS.items():
            yield Row(f"{kind}-for-{name}", instead_of(name, make), IN)
            if kind in ("fifo", "device", "hole"):
                yield Row(f"{kind}-for-{name}-verified", instead_of(name, make), VERIFY, ENDS, after=not_ok)
                yield Row(f"{kind}-for-{name}-copied", instead_of(name, make), OUT)
    for name, members in ENTRIES.items():
        yield Row(f"entry-{name}", entry(**members), IN, ENDS)
        yield Row(f"entry-{name}-verified", entry(**members), VERIFY, ENDS)
    yield Row("index-nested-900", index(lambda document: document.update(x=nested(900))), IN, ENDS)
    yield Row("index-nested-100000", nested_index, IN)
    yield Row("index-of-many-entries", many_entries, IN, ENDS)
    yield Row(
        "index-of-half-letters", index(lambda document: document.update(annotations={"\ud800": "\ud800"})), OUT, ENDS
    )
    yield Row("sha512", sha512, ("verify", "oci:sha512:1"), SUCCEEDS)
    yield Row("sha512-shown", sha512, ("inspect", "oci:sha512:1", "--files", "3"), SUCCEEDS, says=["/etc/motd"])
    yield Row("sha512-copied", sha512, ("copy", "oci:sha512:1", "oci:out:1"), SUCCEEDS)
    yield Row("sha512-damaged", partial(sha512, damaged=True), ("verify", "oci:sha512:1"), FAILS)
    yield Row("usual", command=OUT, ends=SUCCEEDS)
    yield Row("read-only", read_only, ("copy", "oci:layout:1", "oci:read-only/out:1"))


def nested(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


def nested_index(scene: Scene) -> None:
    (scene.work / "layout/index.json").write_text('{"manifests":' + "[" * 100_000 + "]" * 100_000 + "}")


def many_entries(scene: Scene) -> None:
    """Entries such as many pushes without a tag leave behind."""
    layout = scene.work / "layout"
    document = json.loads((layout / "index.json").read_text())
    one = document["manifests"][0]
    plain = {key: one[key] for key in ("mediaType", "digest", "size")}
    document["manifests"] += [{**plain, "digest": f"sha256:{number:064x}"} for number in range(20_000)]
    (layout / "index.json").write_text(json.dumps(document))


def sha512(scene: Scene, *, damaged: bool = False) -> None:
    """A layout whose layer has a sha512 digest, the other algorithm of the specification."""
    image = ImageParts()
    layer = image.layers[0]
    digest = str(Digest.of(layer, "sha512"))
    described = {"mediaType": media_type.OCI_LAYER_GZIP, "digest": digest, "size": len(layer)}
    image = ImageParts(manifest_members={"layers": [described]})
    tagged = {"annotations": {"org.opencontainers.image.ref.name": "1"}}
    content = b"x" * len(layer) if damaged else layer
    blobs = {digest: content, **{str(Digest.of(blob)): blob for blob in (image.config, image.manifest)}}
    write_layout(scene.work / "sha512", blobs, [descriptor(image.manifest, media_type.OCI_MANIFEST, **tagged)])


def read_only(scene: Scene) -> None:
    """A file in place of a folder, since root may write everywhere else."""
    (scene.work / "read-only").write_text("")


def not_ok(scene: Scene, ran: Ran) -> Iterator[str]:
    """`verify` reports problems on standard output, and fails."""
    if ran.exit_code == 0:
        yield "end: it says that all is well"


def folders() -> Iterator[Row]:
    for name, (make, part) in ODD_FILES.items():
        yield Row(f"built-{name}", folder(make), BUILD, FAILS, says=[part], after=nothing_built)
    yield Row("built-link-to-a-device", folder(endless_file), BUILD, SUCCEEDS)
    yield Row("built", folder(lambda folder: (folder / "größe.txt").touch()), BUILD, SUCCEEDS)


def nothing_built(scene: Scene, ran: Ran) -> Iterator[str]:
    if Layout(scene.work / "out").tags():
        yield "end: there is an image without the file"


@pytest.mark.parametrize("row", table([*layouts(), *folders()]))
def test_directories(row: Row, check: Callable[[Row], None]) -> None:
    check(row)


def publish(scene: Scene, tags: Sequence[str]) -> Ran:
    """Publish as Pants does: one process, one plan, an image with these tags in an `oci:` directory."""
    manifest: Any = Layout(scene.work / "layout").fetch_manifest("1")
    place = Destination("oci:published")
    request = PushRequest("images:push", place, tuple(tags), manifest)
    plan = Plan(puts=(PutManifest("images:push", place, tuple(tags), manifest.descriptor),))
    memory = {"memory": "kept/memory.json", "history": "kept/history.json"}
    document = {"requests": [request.to_json()], "plan": plan.to_json(), "bases": {}, "registries": {}, "root": "."}
    scene.write("request.json", {**document, **memory})
    return run_client(PUBLISH, scene.work, scene.results, seconds=120, env=scene.env)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with scene_in(tmp_path) as scene:
        yield scene


def test_tags_grow_linearly(scene: Scene) -> None:
    """1,000 tags in 3 s; twice as many take about twice as long, where a square would be four times."""
    seconds = {}
    for count in (500, 1_000, 2_000):
        layout = scene.work / "published"
        shutil.copytree(scene.work / "layout", layout)
        ran = publish(scene, [f"tag-{number}" for number in range(count)])
        assert ran.exit_code == 0, ran
        assert len(Layout(layout).tags()) == count + 1
        # Processor time, since other tests run at the same time.
        seconds[count] = ran.processor_seconds
        shutil.rmtree(layout)
    assert seconds[1_000] < 3, seconds
    assert seconds[2_000] < 3 * seconds[1_000] + 0.5, seconds


def test_tags_of_many_processes(scene: Scene) -> None:
    """Concurrent writers lose no tag."""
    running = [
        start_client(["copy", "oci:layout:1", f"oci:out:{name}"], scene.work, scene.results / name, env=scene.env)
        for name in "abcdefgh"
    ]
    assert [process.wait(60) for process in running] == [0] * 8
    assert Layout(scene.work / "out").tags() == tuple("abcdefgh")
    assert left_behind(scene) == []


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "ended"])
def test_files_of_a_killed_writer_go(scene: Scene, signal_number: int) -> None:
    """The next writer of a layout removes half a blob of a writer that died."""
    large = random.Random(1).randbytes(4_000_000)
    image = ImageParts([large], layer_type=media_type.OCI_LAYER)
    image.put(scene.contents)
    head = raw_answer("200 OK", {"Content-Length": str(len(large))})
    slow: list[bytes | float] = [head + large[:2_000_000], 3600.0]
    scene.on_credentials(f"GET /v2/image/blobs/{Digest.of(large)}", slow)
    arguments = ["copy", scene.filled("$registry/image:1"), "oci:out:1"]
    process = start_client(arguments, scene.work, scene.results, env=scene.env)
    try:
        assert wait_until(lambda: bool(left_behind(scene, 1_000_000)), 20), tree(scene.work)
    finally:
        os.killpg(process.pid, signal_number)
        process.wait(20)
    if signal_number == signal.SIGKILL:
        assert left_behind(scene)

    ran = run_client(["copy", "oci:layout:1", "oci:out:2"], scene.work, scene.results, seconds=30, env=scene.env)
    assert ran.exit_code == 0, ran
    assert left_behind(scene) == []
    Layout(scene.work / "out").verify()


def test_files_of_a_live_writer_stay(scene: Scene) -> None:
    """The removal of leftovers must not remove a file that is still being written."""
    large = random.Random(2).randbytes(4_000_000)
    ImageParts([large], layer_type=media_type.OCI_LAYER).put(scene.contents)
    ended = time.monotonic() + 3

    def slowly(request: object) -> Iterator[bytes | float]:
        yield raw_answer("200 OK", {"Content-Length": str(len(large))}) + large[:2_000_000]
        yield max(0.0, ended - time.monotonic())
        yield large[2_000_000:]

    scene.on_credentials(f"GET /v2/image/blobs/{Digest.of(large)}", slowly)
    arguments = ["copy", scene.filled("$registry/image:1"), "oci:out:1"]
    process = start_client(arguments, scene.work, scene.results / "slow", env=scene.env)
    assert wait_until(lambda: bool(left_behind(scene, 1_000_000)), 20), tree(scene.work)
    for _ in range(3):
        ran = run_client(["copy", "oci:layout:1", "oci:out:2"], scene.work, scene.results, seconds=30, env=scene.env)
        assert ran.exit_code == 0, ran
    assert process.wait(30) == 0, (scene.results / "slow/stderr").read_text()
    assert Layout(scene.work / "out").tags() == ("1", "2")
    assert left_behind(scene) == []
    Layout(scene.work / "out").verify()


def left_behind(scene: Scene, size: int = 1) -> list[str]:
    """Files of at least `size` bytes without their final name. The empty lock file of writers may stay."""
    known = ("index.json", "oci-layout")
    files = [Path(folder, name) for folder, _, names in os.walk(scene.work / "out") for name in names]
    return [path.name for path in files if len(path.name) != 64 and path.name not in known and _size(path) >= size]


def _size(path: Path) -> int:
    # A live writer may rename or remove it at any time.
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
