from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Callable

import pytest

from ocikit.errors import InvalidContent, NotFound, OcikitError
from ocikit.layer.compression import Compression
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex, Manifest
from ocikit.store.archive import archive_chunks
from ocikit.store.layout import Layout
from ocikit.store.store import Store, copy
from ocikit.testing.images import tiny_index, tiny_layer, tiny_layout

ONE, TWO = {"app/a": b"one"}, {"app/a": b"two"}
GZIP = Compression("gzip", 6)


def listing(path: Path) -> list[tuple[str, str]]:
    """The tag and digest of each entry of index.json, in its order."""
    entries = json.loads((path / "index.json").read_bytes())["manifests"]
    key = "org.opencontainers.image.ref.name"
    return [(e.get("annotations", {}).get(key, ""), e["digest"]) for e in entries]


def snapshot(path: Path) -> dict[str, tuple[int, int, int]]:
    """The inode, size and time of each file and folder, which writing would change."""
    return {str(p): (p.stat().st_ino, p.stat().st_size, p.stat().st_mtime_ns) for p in (path, *path.rglob("*"))}


def test_a_layout_is_a_store(tmp_path: Path) -> None:
    store: Store = Layout(tmp_path)
    assert store.resolve("latest") is None


def test_the_first_write_creates_the_layout(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path / "l", ONE)
    assert (tmp_path / "l/oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'
    assert listing(tmp_path / "l") == [("latest", str(digest))]
    assert (tmp_path / "l/index.json").stat().st_mode & 0o777 == 0o644
    assert not [p for p in (tmp_path / "l").rglob("*") if p.name.startswith(".")]


def test_reading_creates_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "l")
    assert (layout.resolve("latest"), layout.tags(), layout.problems()) == (None, (), ())
    with pytest.raises(NotFound, match='no manifest "latest" in the image layout ".*/l"'):
        layout.fetch_manifest("latest")
    with pytest.raises(NotFound, match="no blob sha256:"):
        layout.open_blob(Descriptor("a/b", Digest.of(b""), 0))
    assert not (tmp_path / "l").exists()


def test_a_moved_tag_leaves_the_old_manifest_listed(tmp_path: Path) -> None:
    one = tiny_layout(tmp_path, ONE)
    two = tiny_layout(tmp_path, TWO)
    assert listing(tmp_path) == [("", str(one)), ("latest", str(two))]
    layout = Layout(tmp_path)
    assert layout.fetch_manifest(str(one)).descriptor.digest == one
    layout.push_manifest(layout.fetch_manifest(str(one)), "latest")
    assert listing(tmp_path) == [("", str(two)), ("latest", str(one))]
    layout.push_manifest(layout.fetch_manifest(str(two)), "old")
    assert listing(tmp_path) == [("latest", str(one)), ("old", str(two))]
    assert layout.tags() == ("latest", "old")


def test_images_of_an_index_are_listed_only_through_it(tmp_path: Path) -> None:
    digest = tiny_index(tmp_path, ONE, "multi")
    assert listing(tmp_path) == [("multi", str(digest))]
    before = snapshot(tmp_path)
    layout = Layout(tmp_path)
    index = layout.fetch_manifest("multi")
    for child in getattr(index, "manifests", ()):
        layout.push_manifest(layout.fetch_manifest(str(child.digest)))
    layout.push_manifest(index)
    assert snapshot(tmp_path) == before


def test_writers_in_any_order_produce_the_same_index(tmp_path: Path) -> None:
    for directory, tags in (("x", "abc"), ("y", "cab")):
        for tag in tags:
            tiny_layout(tmp_path / directory, {"a": tag.encode()}, tag)
    assert (tmp_path / "x/index.json").read_bytes() == (tmp_path / "y/index.json").read_bytes()


def test_existing_content_is_not_written_again(tmp_path: Path) -> None:
    source, target = Layout(tmp_path / "source"), Layout(tmp_path / "target")
    tiny_layout(source.path, ONE, "latest")
    tiny_index(source.path, TWO, "multi")
    for name in ("latest", "multi"):
        copy(source, target, name, name)
    before = snapshot(tmp_path / "target")
    for name in ("latest", "multi"):
        copy(source, target, name, name)
    assert snapshot(tmp_path / "target") == before
    target.verify()


def test_additions_of_other_tools_to_the_index_are_kept(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path, ONE)
    path = tmp_path / "index.json"
    document = json.loads(path.read_bytes())
    document["annotations"] = {"a": "b"}
    document["manifests"][0]["annotations"]["io.containerd.image.name"] = "docker.io/a/b:latest"
    document["manifests"][0]["artifactType"] = "x/y"
    path.write_text(json.dumps(document))
    two = tiny_layout(tmp_path, TWO)
    document = json.loads(path.read_bytes())
    assert document["annotations"] == {"a": "b"}
    old, new = document["manifests"]
    assert (old["digest"], old["artifactType"]) == (str(digest), "x/y")
    assert "annotations" not in old
    assert new["digest"] == str(two)


def test_content_that_is_not_listed_is_found(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path, ONE)
    (tmp_path / "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    layout = Layout(tmp_path)
    manifest = layout.fetch_manifest(str(digest))
    assert layout.resolve(str(digest)) == manifest.descriptor
    assert isinstance(manifest, Manifest)
    assert layout.resolve(str(manifest.config.digest)) is None


def test_a_manifest_is_refused_before_its_blobs(tmp_path: Path) -> None:
    source, target = Layout(tmp_path / "source"), Layout(tmp_path / "target")
    tiny_layout(source.path, ONE)
    manifest = source.fetch_manifest("latest")
    assert isinstance(manifest, Manifest)
    with pytest.raises(InvalidContent, match="push it first") as raised:
        target.push_manifest(manifest, "latest")
    assert all(str(blob.digest) in str(raised.value) for blob in manifest.blobs)
    assert not (tmp_path / "target").exists()


def test_a_blob_with_another_digest_is_not_stored(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for content in (b"other", b"righx", b"right+"):
        blob = Descriptor("a/b", Digest.of(b"right"), 5)
        with pytest.raises(InvalidContent, match=f"blob {blob.digest}: expected"):
            layout.push_blob(blob, lambda content=content: io.BytesIO(content))  # type: ignore[misc]
        assert not layout.has_blob(blob)
    assert not list((tmp_path / "blobs/sha256").iterdir())


def test_concurrent_writers_lose_no_tag(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def publish(number: int) -> None:
        try:
            for again in range(3):
                tiny_layout(tmp_path / "l", {"a": b"%d" % number}, f"t{number}-{again}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(Layout(tmp_path / "l").tags()) == 24


def test_a_file_instead_of_the_directory_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OcikitError, match='cannot (lock|write below) ".*/file'):
        tiny_layout(tmp_path / "file", ONE)


def remove(name: str) -> Callable[[Path, Manifest], None]:
    return lambda path, manifest: (path / name).unlink()


def rewrite(name: str, text: str) -> Callable[[Path, Manifest], None]:
    def damage(path: Path, manifest: Manifest) -> None:
        (path / name).write_text(text)

    return damage


@pytest.mark.parametrize(
    "damage, message",
    [
        pytest.param(remove("index.json"), 'it has no "index.json"', id="no-index"),
        pytest.param(remove("oci-layout"), 'it has no "oci-layout"', id="no-marker"),
        pytest.param(rewrite("index.json", "{"), 'index.json" is not JSON', id="index-not-json"),
        pytest.param(rewrite("index.json", "[]"), "is not a JSON object", id="index-list"),
        pytest.param(rewrite("index.json", "{}"), 'no list of "manifests"', id="index-empty"),
        pytest.param(rewrite("index.json", '{"manifests": [7]}'), "not a descriptor", id="entry-number"),
        pytest.param(
            rewrite("oci-layout", '{"imageLayoutVersion": "2.0.0"}'),
            'expected the image layout version "1.0.0", got "2.0.0"',
            id="version",
        ),
    ],
)
def test_a_broken_layout(tmp_path: Path, damage: Callable[[Path, Manifest], None], message: str) -> None:
    tiny_layout(tmp_path, ONE)
    damage(tmp_path, None)  # type: ignore[arg-type]
    for action in (Layout(tmp_path).resolve, Layout(tmp_path).fetch_manifest):
        with pytest.raises(InvalidContent, match=message):
            action("latest")
    with pytest.raises(InvalidContent, match=message):
        Layout(tmp_path).verify()


def test_one_tag_for_two_manifests_is_ambiguous(tmp_path: Path) -> None:
    tiny_layout(tmp_path, ONE)
    tiny_layout(tmp_path, TWO)
    document = json.loads((tmp_path / "index.json").read_bytes())
    document["manifests"][0]["annotations"] = document["manifests"][1]["annotations"]
    (tmp_path / "index.json").write_text(json.dumps(document))
    with pytest.raises(InvalidContent, match='the tag "latest" in .* is ambiguous: sha256'):
        Layout(tmp_path).resolve("latest")


def blob_of(which: str) -> Callable[[Path, Manifest], Path]:
    def path_of(path: Path, manifest: Manifest) -> Path:
        digests = {
            "manifest": manifest.descriptor.digest,
            "config": manifest.config.digest,
            "layer": manifest.layers[0].digest,
        }
        return path / "blobs/sha256" / digests[which].hex

    return path_of


@pytest.mark.parametrize("which", ["manifest", "config", "layer"])
@pytest.mark.parametrize(
    "how, message",
    [
        pytest.param("missing", "no blob sha256:|is listed in index.json, but missing", id="missing"),
        pytest.param("truncated", "expected [0-9]+ bytes, got [0-9]+", id="truncated"),
        pytest.param("longer", "expected [0-9]+ bytes, got more", id="longer"),
        pytest.param("changed", "expected sha256:[0-9a-f]+, got sha256:", id="changed"),
    ],
)
def test_verify_finds_damage(tmp_path: Path, which: str, how: str, message: str) -> None:
    tiny_layout(tmp_path, ONE, compression=GZIP)
    layout = Layout(tmp_path)
    layout.verify()
    manifest = layout.fetch_manifest("latest")
    assert isinstance(manifest, Manifest)
    path = blob_of(which)(tmp_path, manifest)
    data = path.read_bytes()
    changes = {
        "truncated": data[:-1],
        "longer": data + b"x",
        "changed": data[:-1] + bytes([data[-1] ^ 1]),
    }
    path.unlink()
    if how in changes:
        path.write_bytes(changes[how])
    with pytest.raises(InvalidContent, match=message) as raised:
        layout.verify()
    assert f"{which} {'sha256:' + path.name}" in str(raised.value)
    if which == "manifest":
        with pytest.raises(InvalidContent):
            layout.fetch_manifest("latest")


def test_verify_lists_every_problem_once(tmp_path: Path) -> None:
    for tag in ("a", "b"):
        tiny_layout(tmp_path, ONE, tag)
    tiny_layout(tmp_path, TWO, "c")
    for path in (tmp_path / "blobs/sha256").iterdir():
        if path.stat().st_size > 1000:
            path.write_bytes(b"")
    problems = Layout(tmp_path).problems()
    assert len(problems) == 2
    assert all(line.startswith("layer sha256:") for line in problems)


@pytest.mark.parametrize("compression", [GZIP, Compression("zstd", 3)], ids=str)
def test_verify_checks_the_diff_ids_of_layers(tmp_path: Path, compression: Compression) -> None:
    tiny_layout(tmp_path, ONE, compression=compression)
    layout = Layout(tmp_path)
    manifest = layout.fetch_manifest("latest")
    assert isinstance(manifest, Manifest)
    other = tiny_layer(layout.path, TWO, compression)
    layout.push_manifest(Manifest.of(manifest.config, [other.descriptor]), "wrong")
    (problem,) = layout.problems()
    assert f"layer {other.descriptor.digest}" in problem
    assert f"got {other.diff_id}" in problem


def test_pushing_a_damaged_manifest_again_repairs_it(tmp_path: Path) -> None:
    digest = tiny_layout(tmp_path, ONE)
    (tmp_path / "blobs/sha256" / digest.hex).write_bytes(b"")
    assert Layout(tmp_path).resolve("latest") is None
    tiny_layout(tmp_path, ONE)
    Layout(tmp_path).verify()


def test_an_artifact_without_diff_ids_is_verified_too(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    blobs = [Descriptor(f"x/{text}", Digest.of(text.encode()), len(text)) for text in ("a", "bc")]
    for blob, text in zip(blobs, ("a", "bc")):
        layout.push_blob(blob, lambda text=text: io.BytesIO(text.encode()))  # type: ignore[misc]
    layout.push_manifest(Manifest.of(blobs[0], blobs[1:]), "artifact")
    layout.verify()


def test_a_killed_writer_leaves_old_or_new(tmp_path: Path, monkeypatch: Any) -> None:
    """A writer may be killed before any rename; the layout stays valid."""
    one = tiny_layout(tmp_path / "l", ONE)
    two = tiny_layout(tmp_path / "other", TWO)
    replace = os.replace
    for survived in range(5):
        left = [survived]

        def die(source: str, target: str, left: list[int] = left) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            replace(source, target)

        monkeypatch.setattr(os, "replace", die)
        with contextlib.suppress(KeyboardInterrupt):
            copy(Layout(tmp_path / "other"), Layout(tmp_path / "l"), "latest", "latest")
        monkeypatch.setattr(os, "replace", replace)
        found = Layout(tmp_path / "l").resolve("latest")
        assert found and found.digest in (one, two)
        Layout(tmp_path / "l").verify()


@pytest.mark.parametrize("opened_once", [True, False])
def test_the_cost_of_a_tag_does_not_depend_on_the_number_of_tags(tmp_path: Path, opened_once: bool) -> None:
    """The cost is counted in function calls, which do not depend on the load of the machine."""
    tiny_layout(tmp_path, ONE, "first")
    layout = Layout(tmp_path)
    manifest = layout.fetch_manifest("first")
    costs = [
        _calls(partial((layout if opened_once else Layout(tmp_path)).push_manifest, manifest, f"v{number}"))
        for number in range(1000)
    ]
    assert len(layout.tags()) == 1001
    assert max(costs[-100:]) < 2 * max(costs[:100])


def _calls(action: Callable[[], object]) -> int:
    events: Counter[str] = Counter()
    sys.setprofile(lambda frame, event, argument: events.update((event,)))
    try:
        action()
    finally:
        sys.setprofile(None)
    return events["call"] + events["c_call"]


def test_all_tags_of_a_manifest_are_written_together(tmp_path: Path) -> None:
    tiny_layout(tmp_path / "a", ONE, "v0")
    tiny_layout(tmp_path / "b", ONE, "v0")
    layout, other = Layout(tmp_path / "a"), Layout(tmp_path / "b")
    manifest, tags = layout.fetch_manifest("v0"), [f"v{number}" for number in range(10)]
    before = (tmp_path / "a/index.json").stat().st_ino
    assert layout.push_with_tags(manifest, tags) == frozenset(tags)
    for tag in reversed(tags):
        other.push_manifest(manifest, tag)
    assert (tmp_path / "a/index.json").read_bytes() == (tmp_path / "b/index.json").read_bytes()
    assert (tmp_path / "a/index.json").stat().st_ino != before
    again = snapshot(tmp_path)
    layout.push_with_tags(manifest, tags)
    assert snapshot(tmp_path) == again


def test_changes_by_another_process_are_seen(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    tiny_layout(tmp_path, ONE, "a")
    assert layout.tags() == ("a",)
    program = "import sys; from ocikit.testing.images import tiny_layout; tiny_layout(sys.argv[1], {'b': b'2'}, 'b')"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environ)
    assert layout.tags() == ("a", "b")
    tiny_layout(tmp_path, TWO, "c")
    assert layout.tags() == Layout(tmp_path).tags() == ("a", "b", "c")


def test_deeply_nested_indexes_are_refused(tmp_path: Path) -> None:
    tiny_layout(tmp_path, ONE, "v1")
    layout = Layout(tmp_path)
    top: Manifest | ImageIndex = layout.fetch_manifest("v1")
    for _ in range(400):
        top = ImageIndex.of([top.descriptor, top.descriptor.annotated(a="b")])
        layout.push_manifest(top)
    layout.push_manifest(top, "deep")
    for action in (
        lambda: copy(layout, Layout(tmp_path / "other"), "deep", "deep"),
        lambda: [*archive_chunks(layout.path, top.descriptor.digest, None)],
        layout.verify,
    ):
        with pytest.raises(InvalidContent, match="is within 8 others: at most 8 levels are read"):
            action()


def test_an_index_that_names_one_image_often_is_read_once(tmp_path: Path) -> None:
    tiny_layout(tmp_path, ONE, "v1")
    layout = Layout(tmp_path)
    top: Manifest | ImageIndex = layout.fetch_manifest("v1")
    for _ in range(7):
        top = ImageIndex.of([top.descriptor] * 100)
        layout.push_manifest(top)
    layout.push_manifest(top, "wide")
    layout.verify()
    copy(layout, Layout(tmp_path / "other"), "wide", "wide")
    assert len(b"".join(archive_chunks(layout.path, top.descriptor.digest, None))) < 1_000_000


@pytest.mark.parametrize("which", ["index.json", "oci-layout", "the manifest", "the layer"])
def test_a_pipe_instead_of_a_file_does_not_block(tmp_path: Path, which: str) -> None:
    layout = Layout(tmp_path / "l")
    digest = tiny_layout(layout.path, ONE)
    manifest = layout.fetch_manifest(str(digest))
    assert isinstance(manifest, Manifest)
    blobs = {"the manifest": digest, "the layer": manifest.layers[0].digest}
    path = layout.blob_path(blobs[which]) if which in blobs else os.path.join(layout.path, which)
    os.unlink(path)
    os.mkfifo(path)
    with pytest.raises(OcikitError):
        copy(layout, Layout(tmp_path / "copy"), str(digest))
