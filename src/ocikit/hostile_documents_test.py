"""Hostile documents of an image: everything the library does with them succeeds or raises an OcikitError."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ocikit.bases.archive_file import open_archive
from ocikit.bases.archived_image import ArchivedBase
from ocikit.errors import OcikitError
from ocikit.image.base import base_image
from ocikit.image.build import Image, build_image
from ocikit.image.index import build_index
from ocikit.image.select import choose_from_layout
from ocikit.inspect import describe, diff
from ocikit.inspect.read import read_image
from ocikit.layer.compression import Compression
from ocikit.layer.contents import FileChanges
from ocikit.layer.layer import Layer
from ocikit.publish.request import Destination, PushRequest
from ocikit.python_app.interpreter import Interpreter
from ocikit.spec import media_type
from ocikit.spec.config import ContainerSettings, History, ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex, Manifest, parse_manifest
from ocikit.spec.platform import Platform
from ocikit.store.archive import archive_chunks
from ocikit.store.layout import Layout
from ocikit.store.store import copy
from ocikit.testing.examples import examples
from ocikit.testing.images import tiny_index, tiny_layout
from ocikit.testing.memory_store import MemoryStore
from ocikit.testing.strategies import hostile

AMD = Platform("linux", "amd64")
CONTENT = Digest.of(b"content")
CONFIG: dict[str, Any] = {
    "architecture": "amd64",
    "os": "linux",
    "variant": "v1",
    "os.features": ["x"],
    "created": "1970-01-01T00:00:00Z",
    "author": "me",
    "config": {
        "ArgsEscaped": True,
        "Cmd": ["-x"],
        "Entrypoint": ["/app"],
        "Env": ["PATH=/bin", "PYTHON_VERSION=3.12.1"],
        "ExposedPorts": {"80/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "/app"], "Interval": 30_000_000_000},
        "Labels": {"a": "b"},
        "OnBuild": ["RUN x"],
        "Shell": ["/bin/sh", "-c"],
        "StopSignal": "SIGTERM",
        "User": "1:1",
        "Volumes": {"/data": {}},
        "WorkingDir": "/",
    },
    "history": [{"created": "x", "created_by": "COPY", "comment": "c"}, {"created_by": "ENV", "empty_layer": True}],
    "rootfs": {"type": "layers", "diff_ids": [str(CONTENT)]},
    "moby.buildkit.buildinfo.v1": "e30=",
}
DESCRIPTOR: dict[str, Any] = {
    "mediaType": media_type.OCI_LAYER,
    "digest": str(CONTENT),
    "size": 7,
    "annotations": {"org.opencontainers.image.ref.name": "v1"},
    "urls": ["https://example.org/"],
    "platform": {"os": "linux", "architecture": "amd64", "variant": "v1", "os.features": ["x"], "os.version": "1"},
}
MANIFEST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": media_type.OCI_MANIFEST,
    "config": {**DESCRIPTOR, "mediaType": media_type.OCI_CONFIG},
    "layers": [DESCRIPTOR],
    "annotations": {"a": "b"},
    "artifactType": "x/y",
    "subject": DESCRIPTOR,
}
INDEX: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": media_type.OCI_INDEX,
    "manifests": [{**DESCRIPTOR, "mediaType": media_type.OCI_MANIFEST}, DESCRIPTOR],
    "annotations": {"a": "b"},
}
LISTED: dict[str, Any] = {"schemaVersion": 2, "manifests": [{**DESCRIPTOR, "mediaType": media_type.OCI_MANIFEST}]}
SAVED: list[Any] = [{"Config": "config.json", "RepoTags": ["web:1"], "Layers": ["layer.tar"]}]
OWN = Layer(Descriptor(media_type.OCI_LAYER, CONTENT, 7), CONTENT, History("own"))
SETTINGS = ContainerSettings(args=("x",), env={"A": "1"}, labels={"l": "1"}, ports=("1/tcp",), volumes=("/v",))
few = examples(60)
many = examples(400)


def use(image: Image) -> None:
    """Do everything that the library does with images of others."""
    before = build_image(base=None, layers=[OWN], settings=SETTINGS, platform=image.platform, annotations={})
    shown = [*describe.lines("it", image.manifest, image.config)]
    shown.append(json.dumps(describe.document(image.manifest, image.config), ensure_ascii=False))
    changes = diff.compare_images(before, image, (), FileChanges())
    shown += diff.lines("it", changes)
    shown.append(json.dumps(changes.to_json(), ensure_ascii=False))
    Interpreter.of_official_image(image.config.container)
    built = build_image(
        base=image, layers=[OWN], settings=SETTINGS, platform=image.platform, annotations=image.manifest.annotations
    )
    index = build_index({"it": built}, image.manifest.annotations)
    request = PushRequest("//:it", Destination("r.example/a"), ("v1",), built.manifest)
    assert PushRequest.from_json(json.loads(json.dumps(request.to_json()))) == request
    assert parse_manifest(index.data) == index
    assert ImageConfig.parse(built.config.data) == built.config
    "\n".join(shown).encode("utf-8")


def test_the_unchanged_documents() -> None:
    """The unchanged documents are accepted, so errors in the tests below come from the changes."""
    config = json.dumps(CONFIG).encode()
    named = Descriptor(media_type.OCI_CONFIG, Digest.of(config), len(config))
    use(base_image(Manifest.of(named, [OWN.descriptor]), config, AMD))
    for document in (MANIFEST, INDEX, LISTED):
        manifest = parse_manifest(json.dumps(document).encode())
        if isinstance(manifest, Manifest):
            named = replace(manifest.config, digest=Digest.of(config), size=len(config))
            use(base_image(Manifest.of(named, manifest.layers, manifest.annotations), config, AMD))


@many
@given(hostile(CONFIG))
def test_a_config(data: bytes) -> None:
    config = Descriptor(media_type.OCI_CONFIG, Digest.of(data), len(data))
    with suppress(OcikitError):
        use(base_image(Manifest.of(config, [OWN.descriptor]), data, AMD))


@many
@given(hostile(MANIFEST) | hostile(INDEX), st.sampled_from([None, media_type.OCI_INDEX, media_type.DOCKER_MANIFEST]))
def test_a_manifest(data: bytes, declared: str | None) -> None:
    config = json.dumps(CONFIG).encode()
    with suppress(OcikitError):
        manifest = parse_manifest(data, declared)
        assert parse_manifest(data, manifest.media_type) == manifest
        [*describe.lines("it", manifest, None)]
        json.dumps(describe.document(manifest, None), ensure_ascii=False).encode("utf-8")
        copy(_holding(manifest), MemoryStore(), "v1", "v1")
        if isinstance(manifest, ImageIndex):
            manifest.select(AMD)
            ImageIndex.of(manifest.manifests, manifest.annotations)
        else:
            named = replace(manifest.config, digest=Digest.of(config), size=len(config))
            use(base_image(Manifest.of(named, manifest.layers, manifest.annotations), config, AMD))


def _holding(manifest: Manifest | ImageIndex) -> MemoryStore:
    store = MemoryStore()
    store.manifests[manifest.descriptor.digest] = manifest
    store.tags["v1"] = manifest.descriptor.digest
    return store


@few
@given(hostile(LISTED) | hostile({"imageLayoutVersion": "1.0.0"}), st.sampled_from(["index.json", "oci-layout"]))
def test_a_layout(data: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        digest = tiny_layout(folder, {"a": b"a"}, "v1")
        index = tiny_index(folder, {"a": b"b"}, "multi")
        Path(folder, name).write_bytes(data)
        for action in (
            lambda layout: layout.resolve("v1"),
            lambda layout: layout.tags(),
            lambda layout: layout.verify(),
            lambda layout: layout.fetch_manifest(str(digest)),
            lambda layout: read_image(layout, "v1", AMD),
            lambda layout: layout.push_manifest(layout.fetch_manifest(str(index)), "again"),
            lambda layout: layout.push_with_tags(layout.fetch_manifest(str(digest)), ["a", "b"]),
            lambda layout: [*archive_chunks(folder, digest, "web:1")],
            lambda layout: copy(layout, MemoryStore(), "v1"),
            lambda layout: choose_from_layout(lambda path: _read(folder, path), AMD, None, "layout"),
        ):
            with suppress(OcikitError):
                action(Layout(folder))


def _read(folder: str, path: str) -> bytes | None:
    file = Path(folder, path)
    return file.read_bytes() if file.is_file() else None


@few
@given(hostile(SAVED), hostile(CONFIG) | st.just(json.dumps(CONFIG).encode()))
def test_an_archive(table: bytes, config: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _write_tar(Path(folder, "a"), {"manifest.json": table, "config.json": config, "layer.tar": b"content"})
        with suppress(OcikitError), open_archive(str(Path(folder, "a"))) as archive:
            use(ArchivedBase(AMD, None, Compression("none", 0)).unpack(archive, folder))


@few
@given(hostile(LISTED), hostile(MANIFEST))
def test_an_archive_of_a_layout(index: bytes, manifest: bytes) -> None:
    digest = Digest.of(manifest)
    listed = index.replace(str(CONTENT).encode(), str(digest).encode())
    files = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": listed,
        f"blobs/sha256/{digest.hex}": manifest,
    }
    with tempfile.TemporaryDirectory() as folder:
        _write_tar(Path(folder, "a"), {**files, f"blobs/sha256/{CONTENT.hex}": b"content"})
        with suppress(OcikitError), open_archive(str(Path(folder, "a"))) as archive:
            use(ArchivedBase(AMD, None, Compression("none", 0)).unpack(archive, folder))


def _write_tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@many
@given(hostile(OWN.to_json()) | hostile(DESCRIPTOR))
def test_documents_between_sandboxes(data: bytes) -> None:
    with suppress(OcikitError, ValueError, RecursionError):
        document = json.loads(data)
        for read in (Layer.from_json, Descriptor.from_json):
            with suppress(OcikitError):
                read(document)
