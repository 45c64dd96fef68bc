from __future__ import annotations

import json
from typing import Any

import pytest

from ocikit.image.build import Image
from ocikit.inspect.diff import SettingChange, changed_settings, compare_images, lines
from ocikit.layer.contents import File, FileChanges
from ocikit.printable import printable_json_pieces
from ocikit.spec import canonical_json, media_type
from ocikit.spec.config import ImageConfig
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest

NO_FILES = FileChanges()


def image(config: dict[str, Any], *layers: str, annotations: dict[str, str] | None = None, **more: Any) -> Image:
    document = {
        "os": "linux",
        "architecture": "amd64",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(f"diff {y}".encode())) for y in layers]},
        **more,
    }
    data = canonical_json.dumps(document)
    described = Descriptor(media_type.OCI_CONFIG, Digest.of(data), len(data))
    blobs = [Descriptor(media_type.OCI_LAYER, Digest.of(y.encode()), 1000 * len(y)) for y in layers]
    return Image(Manifest.of(described, blobs, annotations), ImageConfig.parse(data))


@pytest.mark.parametrize(
    "before, after, expected",
    [
        pytest.param(image({"User": "1"}), image({"User": "1"}), [], id="equal"),
        pytest.param(image({"User": "1"}), image({"User": "2"}), [("config.User", "1", "2")], id="changed"),
        pytest.param(image({"Cmd": ["a"]}), image({"Cmd": ["a", "b"]}), [("config.Cmd", ["a"], ["a", "b"])], id="list"),
        pytest.param(
            image({"Env": ["A=1", "B=2", "C=x=y"]}),
            image({"Env": ["B=3", "C=x=y", "D="]}),
            [("config.Env.A", "1", None), ("config.Env.B", "2", "3"), ("config.Env.D", None, "")],
            id="variables-one-by-one",
        ),
        pytest.param(
            image({"Labels": {"a": "1"}, "ExposedPorts": {"80/tcp": {}}}),
            image({"Labels": {"a": "2"}}),
            [("config.ExposedPorts.80/tcp", {}, None), ("config.Labels.a", "1", "2")],
            id="labels-and-ports",
        ),
        pytest.param(image({}, annotations={"a": "1"}), image({}), [("annotations.a", "1", None)], id="annotations"),
        pytest.param(image({}, "x"), image({}, "y"), [], id="layers-are-compared-elsewhere"),
        pytest.param(image({}), image({}, variant="v8"), [("variant", None, "v8")], id="of-the-document"),
        pytest.param(
            image({}, history=[{"created_by": "a"}]),
            image({}),
            [("history", [{"created_by": "a"}], None)],
            id="history",
        ),
    ],
)
def test_settings_key_by_key(before: Image, after: Image, expected: list[tuple[str, Any, Any]]) -> None:
    assert changed_settings(before, after) == tuple(SettingChange(*row) for row in expected)


def test_layers_have_their_origin() -> None:
    changes = compare_images(image({}, "base", "old"), image({}, "base", "new"), ("b", "app:image"), NO_FILES)
    assert [(layer.size, layer.origin) for layer in changes.added_layers] == [(3000, "app:image")]
    assert [(layer.size, layer.origin) for layer in changes.removed_layers] == [(3000, "")]


def test_nothing_differs() -> None:
    one = image({"User": "1"}, "a")
    changes = compare_images(one, one, (), NO_FILES)
    assert not changes
    assert list(lines("here", changes)) == [f"here: nothing differs ({one.digest})"]
    assert (changes.to_json()["changed"], changes.to_json()["previous"]) == (False, str(one.digest))


def test_a_tag_that_is_new() -> None:
    one = image({"User": "1"}, "a")
    changes = compare_images(None, one, ("origin",), FileChanges(added=(File("f", "file", 0o644, size=5),)))
    text = list(lines("here", changes))
    assert text[:2] == ["here", f"digest      (no such tag) → {one.digest}"]
    assert text[-1] == "  +       5 B  /f"
    assert not any(line.startswith("config") for line in text)
    assert changes.to_json()["previous"] is None


def test_lines_about_files() -> None:
    old, new = File("m", "file", 0o644, size=5, digest="x"), File("m", "file", 0o755, 1, 2, size=7, digest="y")
    same_size = File("s", "file", 0o644, size=5, digest="x"), File("s", "file", 0o644, size=5, digest="z")
    kinds = File("k", "directory", 0o755), File("k", "symlink", 0o755, target="x")
    files = FileChanges(
        added=(File("b", "symlink", 0o777, target="x"), File("z", "directory", 0o755)),
        removed=(File("a", "file", 0o644, size=1200), File("w", "whiteout")),
        changed=(kinds, (old, new), same_size),
    )
    changes = compare_images(image({}, "a"), image({}, "b"), (), files)
    text = list(lines("here", changes))
    assert text[text.index("files       2 removed, 2 added, 3 changed") + 1 :] == [
        "  -    1.2 kB  /a",
        "  +            /b  (symlink to x)",
        "  ~            /k  (directory → symlink, to (nothing) → x)",
        "  ~       7 B  /m  (was 5 B, mode 0644 → 0755, owner 0:0 → 1:2)",
        "  ~       5 B  /s  (content)",
        "  -            /w  (of a lower layer)",
        "  +            /z  (directory)",
    ]
    document = json.loads("".join(printable_json_pieces(changes.to_json())))["files"]
    assert document["changed"][1]["after"]["size"] == 7
    assert [len(document[key]) for key in ("removed", "added", "changed")] == [2, 2, 3]
