"""Foreign texts that reach a terminal, a log or a page: they are shown, and none of their control characters is obeyed.

One text has everything that a terminal would act on. `rows.ugly` searches every output of every row for it.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from functools import partial
from typing import Any, Callable

import pytest

from hostile import sandbox
from hostile.contents import ImageParts, descriptor, write_layout
from hostile.rows import (
    ENDS,
    FAILS,
    FILES,
    INSPECT,
    INSPECT_JSON,
    PULL,
    PUSH,
    SUCCEEDS,
    Row,
    Scene,
    table,
)
from hostile.texts import ALL, ESCAPES, IN_A_HEADER, IN_A_PATH, TURNED
from ocikit.spec import media_type
from ocikit.spec.digest import Digest
from support.client_process import Ran
from support.hostile_server import raw_answer

Prepare = Callable[[Scene], object]


def image(**members: Any) -> Prepare:
    """An image. `config`, `manifest`: members of the documents, with ALL for "{}"."""
    given = {f"{part}_members": _with(form) for part, form in members.items()}
    return lambda scene: ImageParts(**given).put(scene.contents)


def _with(form: Any) -> Any:
    if isinstance(form, dict):
        return {_with(key): _with(value) for key, value in form.items()}
    if isinstance(form, list):
        return [_with(value) for value in form]
    return form.replace("{}", ALL) if isinstance(form, str) else form


def error(status: int, body: object, kind: str = "application/json", pattern: str = "GET /v2/image/") -> Prepare:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    headers = {"Content-Type": kind, "Content-Length": str(len(data)), "Connection": "close"}
    return lambda scene: scene.on_credentials(pattern, raw_answer(f"{status} No", headers, data))


def header(pattern: str, status: str, name: str, value: str) -> Prepare:
    headers = {name: value.replace("{}", IN_A_HEADER), "Content-Length": "0", "Connection": "close"}
    line = status.replace("{}", IN_A_HEADER)
    return lambda scene: scene.on(pattern, raw_answer(line, {k: scene.filled(v) for k, v in headers.items()}))


def files(scene: Scene) -> None:
    """A layer with odd names and targets, some not in UTF-8."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for number, name in enumerate((IN_A_PATH, "\udc9b31m", "\udcff\udcfe", f"a/{TURNED}")):
            info = tarfile.TarInfo(f"{number}/{name}")
            info.size = 10 - number
            tar.addfile(info, io.BytesIO(b"x" * info.size))
        link = tarfile.TarInfo(f"link{IN_A_PATH}")
        link.type, link.linkname = tarfile.SYMTYPE, IN_A_PATH
        tar.addfile(link)
    ImageParts([stream.getvalue()], layer_type=media_type.OCI_LAYER).put(scene.contents)


def layer_of_another_kind(scene: Scene) -> None:
    ImageParts(layer_type=f"application/x{ALL}").put(scene.contents)


def odd_index(scene: Scene) -> None:
    """An index with odd platforms, media types and annotations."""
    parts = ImageParts()
    parts.put(scene.contents)
    platform = {"os": f"linux{ALL}", "architecture": ALL, "variant": ALL}
    children = [
        descriptor(parts.manifest, media_type.OCI_MANIFEST, platform=platform),
        {**descriptor(parts.manifest, f"application/{ALL}"), "annotations": {ALL: ALL}},
    ]
    document = {"schemaVersion": 2, "mediaType": media_type.OCI_INDEX, "manifests": children, "annotations": {ALL: ALL}}
    index = json.dumps(document).encode()
    digest = str(Digest.of(index))
    repository = scene.contents.repositories["image"]
    repository.manifests[digest] = (media_type.OCI_INDEX, index)
    repository.tags["1"] = digest
    sandbox.lock(scene)


def odd_tags(scene: Scene) -> None:
    """A layout of several images, whose tags an error lists if none is named."""
    images = [ImageParts(config_members={"author": str(number)}) for number in range(2)]
    blobs = {str(Digest.of(blob)): blob for image in images for blob in (*image.layers, image.config, image.manifest)}
    annotations = {"org.opencontainers.image.ref.name": ALL}
    entries = [
        descriptor(image.manifest, media_type.OCI_MANIFEST, annotations=annotations if number else {})
        for number, image in enumerate(images)
    ]
    write_layout(scene.work / "odd", blobs, entries)


def layout_version(scene: Scene) -> None:
    (scene.work / "layout/oci-layout").write_text(json.dumps({"imageLayoutVersion": ALL}))


def archive(*names: str, content: bytes = b"[]") -> Prepare:
    """An archive base with files of these names, each twice, which makes an error name them."""

    def prepared(scene: Scene) -> None:
        sandbox.archived_base(scene)
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in (*names, *names):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        scene.write("input/archive", stream.getvalue())

    return prepared


def saved_image(scene: Scene) -> None:
    """An archive as from `docker save`, in which config and layers have odd names."""
    sandbox.archived_base(scene)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        table = json.dumps([{"Config": f"c{ALL}", "Layers": [ALL], "RepoTags": [ALL]}]).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size = len(table)
        tar.addfile(info, io.BytesIO(table))
    scene.write("input/archive", stream.getvalue())


def odd_fifo(scene: Scene) -> None:
    """A folder with a FIFO, which no layer can have, under an odd name."""
    folder = scene.work / "folder"
    folder.mkdir()
    os.mkfifo(folder / IN_A_PATH.replace("/", "|"))


def dockerfile(scene: Scene) -> None:
    scene.write(
        "Dockerfile",
        f"FROM scratch\nRUN {IN_A_PATH}\nCOPY {ESCAPES.replace(chr(0), '')}{TURNED} /x\nNONSENSE {TURNED}\n",
    )
    scene.write("pants.toml", "")


def good_text(scene: Scene) -> None:
    """Texts of natural languages stay unchanged."""
    ImageParts(config_members={"config": {"Labels": {"title": GOOD}, "User": "jörg"}}).put(scene.contents)


GOOD = "Grüße, 你好, привет, שלום, naïve 🎉"
_CONTAINER: dict[str, dict[str, Any]] = {
    "label": {"Labels": {"a{}": "{}"}},
    "variable": {"Env": ["A={}", "B{}=x"]},
    "command": {"Cmd": ["{}"], "Entrypoint": ["{}"]},
    "user": {"User": "{}", "WorkingDir": "{}", "StopSignal": "{}"},
    "ports": {"ExposedPorts": {"{}": {}}, "Volumes": {"{}": {}}},
}


def rows() -> Iterator[Row]:
    for name, members in _CONTAINER.items():
        yield Row(name, image(config={"config": members}), INSPECT, SUCCEEDS, says=["before"])
        yield Row(f"{name}-in-json", image(config={"config": members}), INSPECT_JSON, SUCCEEDS, after=is_json)
    history = {"history": [{"created_by": "{}", "comment": "{}"}], "created": "{}", "author": "{}"}
    yield Row("history", image(config=history), INSPECT, ENDS)
    yield Row("history-in-json", image(config=history), INSPECT_JSON, ENDS)
    yield Row("platform", image(config={"os": "linux{}", "architecture": "{}", "variant": "{}"}), INSPECT, ENDS)
    yield Row("annotation", image(manifest={"annotations": {"a{}": "{}"}}), INSPECT, SUCCEEDS, says=["before"])
    yield Row(
        "annotation-in-json", image(manifest={"annotations": {"a{}": "{}"}}), INSPECT_JSON, SUCCEEDS, after=is_json
    )
    yield Row("difference", image(config={"config": {**_CONTAINER["label"], **_CONTAINER["variable"]}}), DIFF, SUCCEEDS)
    yield Row(
        "difference-in-json", image(config={"config": _CONTAINER["label"]}), (*DIFF, "--json"), SUCCEEDS, after=is_json
    )
    yield Row("files", files, FILES, SUCCEEDS, says=["10 B"])
    yield Row("files-in-json", files, (*FILES, "--json"), SUCCEEDS, after=is_json)
    yield Row("files-in-a-difference", files, DIFF, SUCCEEDS)
    yield Row("layer-of-another-kind", layer_of_another_kind, FILES)
    yield Row("layer-of-another-kind-shown", layer_of_another_kind, INSPECT_JSON, ENDS)
    for kind, command in (("shown", INSPECT), ("in-json", INSPECT_JSON), ("copied", PULL), ("locked", LOCK)):
        yield Row(f"index-{kind}", odd_index, command, ENDS)
    yield Row("manifest-type", image(manifest={"mediaType": "{}"}), PULL)
    yield Row(
        "manifest-digest", image(manifest={"layers": [{"mediaType": "x", "digest": "sha256:{}", "size": 1}]}), PULL
    )
    yield Row(
        "config-of-another-kind",
        image(manifest={"config": {"mediaType": "{}", "digest": f"sha256:{'0' * 64}", "size": 1}}),
        INSPECT,
        ENDS,
    )
    yield Row("diff-id", image(config={"rootfs": {"type": "layers", "diff_ids": ["{}"]}}), INSPECT)
    yield Row("list-of-variables", image(config={"config": {"Env": [{"{}": "{}"}]}}), INSPECT)
    message = {"errors": [{"code": ALL, "message": ALL}]}
    yield Row("message", error(403, message), PULL)
    yield Row("message-to-an-upload", error(403, message, pattern="POST /v2/pushed/"), PUSH)
    yield Row("message-in-text", error(403, ALL, "text/plain"), PULL)
    yield Row("message-of-a-token-server", partial(from_token_server, error(401, message, pattern="/token")), PULL)
    yield Row("message-in-an-answer", partial(in_a_survey, error(403, message)), SURVEY, ENDS)
    yield Row("content-type", header("/v2/image/", "200 OK", "Content-Type", "{}"), PULL)
    yield Row("digest", header("/v2/image/", "200 OK", "Docker-Content-Digest", "{}"), PULL)
    yield Row("warning", partial(in_a_survey, header("/v2/image/", "404 No", "Warning", '299 - "{}"')), SURVEY, ENDS)
    yield Row("location", header("/v2/image/blobs", "307 No", "Location", "/{}"), PULL)
    yield Row("location-elsewhere", header("/v2/image/blobs", "307 No", "Location", "http://{}.invalid/"), PULL)
    yield Row("upload", header("POST /v2/pushed/", "202 No", "Location", "x:{}"), PUSH)
    yield Row("realm", header("/v2/", "401 No", "WWW-Authenticate", 'Bearer realm="{}"'), PULL)
    yield Row("realm-s-path", header("/v2/", "401 No", "WWW-Authenticate", 'Bearer realm="http://$registry/{}"'), PULL)
    yield Row("reason", header("/v2/image/", "403 {}", "X-Nothing", "x"), PULL)
    yield Row("tags-of-a-layout", odd_tags, ("inspect", "oci:odd"), FAILS)
    yield Row("tags-verified", odd_tags, ("verify", "oci:odd"), ENDS)
    yield Row("layout-version", layout_version, ("inspect", "oci:layout"))
    yield Row("archive-s-names", archive(IN_A_PATH), ARCHIVED)
    yield Row("archive-s-names-that-lead-out", archive(f"../{IN_A_PATH}"), ARCHIVED)
    yield Row("archive-s-table", saved_image, ARCHIVED)
    yield Row("file-that-is-none", odd_fifo, ("build", "--output", "oci:out", "--layer", "folder"))
    yield Row("dockerfile", dockerfile, ("from-dockerfile", "--context", "."), ENDS, lines=NOTES)
    yield Row("reference", command=("inspect", f"$registry/{IN_A_PATH}:1"), ends=FAILS)
    yield Row("reference-to-a-layout", command=("inspect", f"oci:{IN_A_PATH.replace(':', '')}"), ends=FAILS)
    yield Row("text-of-people", good_text, INSPECT, SUCCEEDS, says=[GOOD, "jörg"])
    yield Row("text-of-people-in-json", good_text, INSPECT_JSON, SUCCEEDS, says=[GOOD], after=is_json)


NOTES = ("ocikit: ", "left out: ", "look at: ")
DIFF = ("diff", "oci:layout:1", "$registry/image:1")
LOCK = ("lock", "request.json")
SURVEY = ("survey", "request.json")
ARCHIVED = ("archived_base", "request.json")


def from_token_server(prepare: Prepare, scene: Scene) -> None:
    scene.login("token")
    prepare(scene)


def in_a_survey(prepare: Prepare, scene: Scene) -> None:
    sandbox.survey(scene)
    prepare(scene)


def is_json(scene: Scene, ran: Ran) -> Iterator[str]:
    """JSON for programs has the texts unchanged, byte for byte."""
    try:
        document = json.loads(ran.stdout)
    except ValueError as failure:
        yield f"error: stdout is not JSON: {failure}"
        return
    if GOOD not in str(document) and not any(ALL in text or IN_A_PATH in text for text in _texts(document)):
        yield "error: the JSON does not say what is there"


def _texts(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield from (key, *_texts(value))
    elif isinstance(document, list):
        for value in document:
            yield from _texts(value)
    elif isinstance(document, str):
        yield document


@pytest.mark.parametrize("row", table(rows()))
def test_foreign_texts(row: Row, check: Callable[[Row], None]) -> None:
    check(row)
