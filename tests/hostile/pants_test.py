"""Hostile registries and contents through Pants, end to end: goals, log, store and kept sandboxes.

Every row is a directory of one build root, with its own registry, and its own password that must not appear anywhere.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable
from urllib.parse import quote

import pytest

from hostile import tars
from hostile.contents import ImageParts, add_usual_image, descriptor, usual_tar, write_layout
from hostile.rows import BIDIRECTIONAL, FORGED, Scene, obeyed, scene_in
from hostile.texts import ALL, IN_A_HEADER, IN_A_PATH, WRITINGS
from ocikit.spec import media_type
from ocikit.spec.digest import Digest
from ocikit.testing.fake_http import FakeAnswer
from support.build_root import BuildRoot, Result, stop_daemons
from support.client_process import Ran
from support.hostile_server import Received, raw_answer
from support.traces import Traces

PUSH = """\
file(name="file", source="file.txt")
oci_image(name="image", dependencies=[":file"])
oci_push(name="push", image=":image", repository="pushed", image_tags=["1"])
"""
ON_A_BASE = """\
oci_base(name="base", image="{registry}/image:1", digest="{digest}")
oci_image(name="image", base=":base")
oci_push(name="push", image=":image", repository="image", image_tags=["1"])
"""
ON_A_PATH = """\
oci_base(name="base", path="{path}")
oci_image(name="image", base=":base")
"""
TAG = "<script>alert(1)</script>"
MIB, GIB = tars.MIB, tars.GIB


@dataclass(frozen=True)
class Row:
    """A row. `make` prepares the registry and writes the row's directory, whose name is `{here}` in other fields.
    `reports`: the goal writes a page.

    `blamed`: the target with which an error must begin. `seconds`: the deadline on a busy machine.
    """

    name: str
    make: Callable[[Scene, Path], None]
    goal: Sequence[str]
    exit_code: int = 1
    blamed: str = ""
    says: Sequence[str] = ()
    reports: bool = False
    seconds: float = 90


def push(prepare: Callable[[Scene], None]) -> Callable[[Scene, Path], None]:
    def make(scene: Scene, folder: Path) -> None:
        (folder / "BUILD").write_text(PUSH)
        (folder / "file.txt").write_text(f"of {folder.name}\n")
        prepare(scene)

    return make


def on_a_base(
    image: ImageParts, prepare: Callable[[Scene], object] = lambda scene: None
) -> Callable[[Scene, Path], None]:
    def make(scene: Scene, folder: Path) -> None:
        image.put(scene.contents)
        text = ON_A_BASE.format(registry=scene.registry.address, digest=image.digest)
        (folder / "BUILD").write_text(text)
        prepare(scene)

    return make


def locked(prepare: Callable[[Scene], object]) -> Callable[[Scene, Path], None]:
    """A base that is not locked yet."""

    def make(scene: Scene, folder: Path) -> None:
        add_usual_image(scene.contents, "image", "1")
        text = ON_A_BASE.format(registry=scene.registry.address, digest="")
        (folder / "BUILD").write_text(text.replace(', digest=""', ""))
        prepare(scene)

    return make


def on_a_path(name: str, write: Callable[[Path], object]) -> Callable[[Scene, Path], None]:
    def make(scene: Scene, folder: Path) -> None:
        (folder / "BUILD").write_text(ON_A_PATH.format(path=name))
        write(folder / name)

    return make


def upload_elsewhere(scene: Scene) -> None:
    location = f"http://{scene.other.address}\\@{scene.registry.address}/v2/pushed/blobs/uploads/1"
    scene.on("POST /v2/pushed/", FakeAnswer(202, {"Location": location}))


def echo(scene: Scene) -> None:
    """Repeat the password and the header in every encoding, in the header and the body of an error."""

    def answer(request: Received) -> bytes:
        texts = [WRITINGS[name](secret) for secret in scene.secrets.values() for name in ECHOED]
        body = json.dumps({"errors": [{"code": "DENIED", "message": "you are " + " ".join(texts[turn::3])}]}).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
        headers["Warning"] = f'299 - "{texts[turn]}"'
        return raw_answer("403 No", headers, body)

    turn = len(scene.registry.lines) % 3
    scene.on_credentials("PUT /v2/pushed/manifests/", answer)


# Encodings short enough for several in one message.
ECHOED = ("plain", "lower-case", "percent-in-lower-case", "base64-without-padding")


def warned(scene: Scene) -> None:
    password = quote(scene.secrets["password"], safe="").lower()
    warning = {"Warning": f'299 - "{IN_A_HEADER} {password}"', "Content-Length": "0", "Connection": "close"}
    scene.on_credentials("HEAD /v2/pushed/manifests/", raw_answer("404 No", warning))


def forged(scene: Scene) -> None:
    message = f"no{TAG}<img src=x onerror=y>'\"&amp;{ALL}\n00:00:00.00 [INFO] {FORGED}\n✓ {FORGED}"
    body = json.dumps({"errors": [{"code": f"DENIED\n{FORGED}", "message": message}]}).encode()
    scene.on_credentials("PUT /v2/pushed/manifests/", FakeAnswer(403, {"Content-Type": "application/json"}, body))


def hostile_realm(scene: Scene) -> None:
    """Ask for Basic authentication to get the password, and then name a realm that contains it."""
    text = quote(scene.secrets["password"], safe="").lower()
    challenge = f'Bearer realm="http://{scene.other.address}/{text}{IN_A_HEADER}"'
    scene.on_credentials("/v2/image/", raw_answer("401 No", {"WWW-Authenticate": challenge, "Content-Length": "0"}))


def hostile_image() -> ImageParts:
    """A valid image with texts and names that a terminal would obey."""
    layer = tars.extended([(b"path", IN_A_PATH.encode())]) + tars.member(b"file", b"x") + tars.END
    container = {"Labels": {f"a{ALL}": ALL}, "Env": [f"A={ALL}"], "User": "7"}
    members = {"config": container, "history": [{"created_by": ALL}], "author": ALL}
    return ImageParts([layer], layer_type=media_type.OCI_LAYER, config_members=members)


def bomb() -> ImageParts:
    blob = tars.zstandard(tars.header(b"zeroes", size=64 * GIB), tars.Run(64 * GIB))
    return ImageParts([blob], diff_ids=[str(Digest.of(b""))], layer_type=media_type.OCI_LAYER_ZSTD)


def archive_bomb(path: Path) -> None:
    path.write_bytes(tars.gzipped(tars.header(b"zeroes", size=2 * GIB), tars.Run(2 * GIB), tars.END))


def layout_of_sha512(path: Path) -> None:
    layer = usual_tar()
    digest = str(Digest.of(layer, "sha512"))
    described = {"mediaType": media_type.OCI_LAYER, "digest": digest, "size": len(layer)}
    image = ImageParts([layer], manifest_members={"layers": [described]})
    blobs = {digest: layer, **{str(Digest.of(blob)): blob for blob in (image.config, image.manifest)}}
    write_layout(path, blobs, [descriptor(image.manifest, media_type.OCI_MANIFEST)])


def odd_files(make: Callable[[Path], object]) -> Callable[[Scene, Path], None]:
    def prepared(scene: Scene, folder: Path) -> None:
        (folder / "data").mkdir()
        (folder / "data/file.txt").write_text("text")
        make(folder / "data")
        (folder / "BUILD").write_text(
            'files(name="files", sources=["data/**"])\noci_image(name="image", dependencies=[":files"])\n'
        )

    return prepared


def socket_in(folder: Path) -> None:
    """Create a socket. Its path in the address is short, since one may have only 107 bytes."""
    here = os.open(folder, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"/proc/self/fd/{here}/a-socket")
    finally:
        os.close(here)


PUBLISH, PACKAGE = ("publish", "{here}:push"), ("package", "{here}:image")
NESTED = '{"a":' * 900 + "1" + "}" * 900
DEEP = ImageParts(
    config=json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": []},
            "x": "NEST",
        }
    )
    .replace('"NEST"', NESTED)
    .encode(),
    manifest_members={"layers": []},
)
ROWS = [
    Row("upload-elsewhere", push(upload_elsewhere), PUBLISH, blamed="{here}:push"),
    Row("echo", push(echo), PUBLISH, blamed="{here}:push", says=["DENIED"], reports=True),
    Row("forged", push(forged), PUBLISH, blamed="{here}:push", says=["no"], reports=True),
    Row("warned", push(warned), PUBLISH, 0, reports=True),
    Row("published", push(lambda scene: None), PUBLISH, 0),
    Row("nested-base", on_a_base(DEEP), PACKAGE, blamed="{here}:base"),
    Row(
        "half-a-letter",
        on_a_base(ImageParts(config_members={"config": {"Labels": {"a": "\ud800"}}})),
        PACKAGE,
        blamed="{here}",
    ),
    Row("bomb-base", on_a_base(bomb()), PACKAGE, blamed="{here}:base"),
    Row("bomb-archive", on_a_path("base.tar.gz", archive_bomb), PACKAGE, blamed="{here}:base"),
    # The base is not corrupt; Pants identifies files by their SHA-256.
    Row(
        "sha512-base",
        on_a_path("layout", layout_of_sha512),
        PACKAGE,
        blamed="{here}:base",
        says=["is not named by its SHA-256"],
    ),
    Row("inspected", on_a_base(hostile_image()), ("oci-inspect", "--files=5", "{here}:image"), 0, says=["before"]),
    Row("inspected-in-json", on_a_base(hostile_image()), ("oci-inspect", "--json", "--files=5", "{here}:image"), 0),
    Row("inspected-bomb", on_a_base(bomb()), ("oci-inspect", "--files=5", "{here}:image")),
    Row(
        "compared",
        on_a_base(ImageParts(), lambda scene: hostile_image().put(scene.contents)),
        ("oci-diff", "{here}:push"),
        0,
    ),
    Row("compared-with-a-realm", on_a_base(ImageParts(), hostile_realm), ("oci-diff", "{here}:push")),
    Row("locked-with-a-realm", locked(hostile_realm), ("oci-lock", "{here}::")),
    Row("locked", locked(lambda scene: None), ("oci-lock", "{here}::"), 0),
    Row(
        "fifo", odd_files(lambda folder: os.mkfifo(folder / "a-fifo")), PACKAGE, blamed="{here}:image", says=["a-fifo"]
    ),
    Row("socket", odd_files(socket_in), PACKAGE, blamed="{here}:image", says=["a-socket"]),
    Row(
        "not-utf-8",
        odd_files(lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9")).touch()),
        PACKAGE,
        blamed="{here}:image",
        says=["caf"],
    ),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that contains everything that Pants writes."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "local-execution-root-dir").mkdir()
    return folder


@pytest.fixture(scope="module")
def root(written: Path) -> Iterator[BuildRoot]:
    with BuildRoot(written / "root") as root:
        root.write({"first/BUILD": PUSH, "first/file.txt": "first\n"})
        # This puts the tool into the store, so that its build does not count against a row's deadline.
        root.pants(*stores(written), "package", "first:image")
        yield root


def stores(written: Path) -> list[str]:
    return [f"--{name}={written / name}" for name in ("local-store-dir", "local-execution-root-dir")]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_through_pants(row: Row, root: BuildRoot, written: Path, tmp_path: Path) -> None:
    # The clock of the file system may be a little behind.
    since = time.time() - 1
    folder = root.path / row.name
    folder.mkdir()
    with scene_in(tmp_path) as scene:
        row.make(scene, folder)
        try:
            result = run_pants(row, root, written, scene)
        except subprocess.TimeoutExpired:
            # Processes that Pants started would go on.
            stop_daemons(root.path)
            (folder / "BUILD").unlink()
            raise
        found = list(problems(row, scene, result))
        page = page_of(row, root)
        found += page_problems(page.read_text()) if page.exists() else ["page: there is none"] if row.reports else []
        traces = Traces(scene.wire_secrets, loosely=True)
        for path, names in traces.in_files(written, since).items():
            found.append(f"secret: {path} has the {', '.join(sorted(names))}")
    # It must not affect the next rows.
    (folder / "BUILD").unlink()
    assert not found, "\n".join((*found, str(result)))


def run_pants(row: Row, root: BuildRoot, written: Path, scene: Scene) -> Result:
    registries = {"here": {"address": scene.registry.address, "default": True}}
    return root.pants(
        *stores(written),
        f"--oci-registries={registries!r}",
        f"--oci-report={page_of(row, root)}",
        "--keep-sandboxes=always",
        *(word.format(here=row.name) for word in row.goal),
        env={"DOCKER_CONFIG": str(scene.home)},
        check=False,
        seconds=row.seconds,
    )


def page_of(row: Row, root: BuildRoot) -> Path:
    """The HTML report, for goals that write one."""
    return root.path / "dist" / f"{row.name}.html"


def page_problems(page: str) -> Iterator[str]:
    """A page has only our own markup, and no text that changes the direction of its neighbours."""
    if TAG in page or "<img" in page:
        yield "page: a text became markup"
    if odd := {c for c in page if c != "\n" and (unicodedata.category(c) in ("Cc", "Cs") or c in BIDIRECTIONAL)}:
        yield f"page: it has {sorted(map(ascii, odd))}"


def problems(row: Row, scene: Scene, result: Result) -> Iterator[str]:
    if result.exit_code != row.exit_code:
        yield f"end: the exit code is {result.exit_code}, not {row.exit_code}"
    output = result.stdout + result.stderr
    if row.blamed and not re.search(rf"\b{re.escape(row.blamed.format(here=row.name))}\S*: ", result.stderr):
        yield f"error: none begins with {row.blamed}"
    for part in row.says:
        if part not in output:
            yield f"error: it does not say {part!r}"
    ran = Ran(
        result.exit_code,
        result.stdout.encode(errors="surrogateescape"),
        result.stderr.encode(errors="surrogateescape"),
        0,
        0,
        0,
    )
    yield from obeyed(ran)
    if any(
        line.strip().startswith((FORGED, f"✓ {FORGED}")) or f"[INFO] {FORGED}" in line[:40]
        for line in output.splitlines()
    ):
        yield "terminal: a forged line"
    traces = Traces(scene.wire_secrets, loosely=True)
    for where, data in (
        ("output", output.encode(errors="surrogateescape")),
        ("the other host", bytes(scene.other.received)),
    ):
        for name in sorted(traces.in_bytes(data)):
            yield f"secret: {where} has the {name}"
    if scene.other.connections:
        yield f"address: the other host was connected to: {scene.other.lines}"


def test_the_search_finds_a_known_text(root: BuildRoot, written: Path) -> None:
    """The search for secrets finds a text that is not secret in Pants's store, log and kept sandboxes."""
    traces = Traces({"control": f"of {ROWS[0].name}"}, loosely=True)
    found = list(traces.in_files(written))
    for where in ("local-store-dir/", "root/"):
        assert any(name.startswith(where) for name in found), where
    sandboxes = written / "local-execution-root-dir"
    assert any(path.name == "request.json" for path in sandboxes.rglob("*"))
