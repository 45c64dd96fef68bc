"""Invalid documents: a readable error, never a stack trace, within limits of time and memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Callable

import pytest

from hostile import sandbox
from hostile.contents import ImageParts, config_document, descriptor
from hostile.rows import ENDS, INSPECT, INSPECT_JSON, PULL, SUCCEEDS, Row, Scene, nothing, table
from hostile.texts import DIGITS, HALF, nested
from ocikit.spec import media_type
from ocikit.spec.digest import Digest

BUILD = ("build", "--base", "$registry/image:1", "--output", "oci:out:1", "--label", "a=b", "--env", "C=d")
DIFF = ("diff", "oci:layout:1", "$registry/image:1")
VERIFY = ("verify", "$registry/image:1")
SURVEY = ("survey", "request.json")
MANIFEST = "/v2/image/manifests/"
LARGE = 10**300


def config(members: Mapping[str, Any] | bytes) -> Callable[[Scene], None]:
    """An image with this config: bytes as they are, or a usual config with these members."""
    data = members if isinstance(members, bytes) else json.dumps(config_document(**members)).encode()
    return lambda scene: ImageParts(config=data).put(scene.contents)


def container(**members: Any) -> Callable[[Scene], None]:
    return config({"config": members})


def manifest(members: Mapping[str, Any] | bytes) -> Callable[[Scene], None]:
    if isinstance(members, bytes):
        return lambda scene: ImageParts(manifest=members).put(scene.contents)
    return lambda scene: ImageParts(manifest_members=members).put(scene.contents)


def raw_config(text: str) -> Callable[[Scene], None]:
    """An image whose config has this raw JSON as its member "x"."""
    usual = json.dumps(config_document())
    return config(f'{usual[:-1]},"x":{text}}}'.encode())


def raw_manifest(text: str) -> Callable[[Scene], None]:
    def prepared(scene: Scene) -> None:
        usual = ImageParts().manifest.decode()
        ImageParts(manifest=f'{usual[:-1]},"x":{text}}}'.encode()).put(scene.contents)

    return prepared


CONTAINERS: dict[str, dict[str, Any]] = {
    "command-is-an-object": {"Cmd": {"a": "b"}},
    "command-is-text": {"Cmd": "serve"},
    "command-of-objects": {"Cmd": [{}], "Entrypoint": [[]]},
    "entrypoint-is-a-number": {"Entrypoint": 7},
    "variables-are-an-object": {"Env": {"A": "b"}},
    "variables-are-numbers": {"Env": [1, 2]},
    "variables-are-null": {"Env": [None]},
    "labels-are-a-list": {"Labels": ["a"]},
    "labels-are-numbers": {"Labels": {"a": 1, "b": None, "c": {}}},
    "ports-are-a-list": {"ExposedPorts": ["80/tcp"]},
    "volumes-are-text": {"Volumes": "/data"},
    "user-is-a-number": {"User": 0},
    "user-is-an-object": {"User": {"a": "b"}, "WorkingDir": [], "StopSignal": 9},
    "half-a-letter-in-a-label": {"Labels": {HALF: HALF}},
    "half-a-letter-in-a-variable": {"Env": [f"A={HALF}"]},
    "half-a-letter-in-the-user": {"User": HALF, "WorkingDir": f"/{HALF}"},
    "half-a-letter-in-the-command": {"Cmd": [HALF], "Entrypoint": [HALF]},
    "half-a-letter-in-a-port": {"ExposedPorts": {HALF: {}}, "Volumes": {HALF: {}}},
    "health-check-is-text": {"Healthcheck": "true"},
}
CONFIGS: dict[str, Any] = {
    "config-is-a-list": {"config": []},
    "config-is-text": {"config": "x"},
    "history-is-an-object": {"history": {"created_by": "x"}},
    "history-of-texts": {"history": ["x"]},
    "history-of-numbers": {"history": [{"created_by": 5, "empty_layer": "no"}]},
    "history-of-halves": {"history": [{"created_by": HALF, "comment": HALF}]},
    "created-is-a-number": {"created": 5},
    "created-is-half-a-letter": {"created": HALF, "author": HALF},
    "architecture-is-a-number": {"architecture": 5},
    "architecture-is-half-a-letter": {"architecture": HALF},
    "system-is-a-list": {"os": ["linux"]},
    "variant-is-an-object": {"variant": {}, "os.features": "x"},
    "file-system-is-a-list": {"rootfs": []},
    "diff-ids-are-text": {"rootfs": {"type": "layers", "diff_ids": "sha256:x"}},
    "diff-ids-are-numbers": {"rootfs": {"type": "layers", "diff_ids": [1]}},
    "diff-ids-of-another-kind": {"rootfs": {"type": "layers", "diff_ids": ["md5:d41d8cd98f00b204e9800998ecf8427e"]}},
    "more-diff-ids-than-layers": {"rootfs": {"type": "layers", "diff_ids": [f"sha256:{'0' * 64}"] * 5}},
    "no-json": b"{",
    "json-list": b"[]",
    "json-null": b"null",
    "empty": b"",
    "nul-bytes": bytes(100),
    "utf-16": json.dumps(config_document()).encode("utf-16"),
    "utf-8-with-a-mark": b"\xef\xbb\xbf" + json.dumps(config_document()).encode(),
    "not-utf-8": b'{"os":"\xff"}',
    "one-key-twice": b'{"os":"linux","os":"windows","architecture":"amd64"}',
}
# Values that JSON's grammar allows, or Python's parser.
TEXTS = {
    "nested-900": nested(900),
    "nested-5000": nested(5_000),
    "nested-100000": nested(100_000),
    "lists-nested-100000": "[" * 100_000 + "]" * 100_000,
    "number-of-5000-digits": DIGITS,
    "number-of-a-million-digits": "9" * 1_000_000,
    "number-without-end": "1e999999999",
    "not-a-number": "NaN",
    "infinity": "-Infinity",
    "many-keys": "{" + ",".join(f'"{number}":1' for number in range(100_000)) + "}",
    "half-a-letter": '"\\ud800"',
    "half-a-letter-as-a-key": '{"\\udfff":"\\udfff"}',
}
_LAYER = {"mediaType": media_type.OCI_LAYER_GZIP, "digest": sandbox.OTHER_DIGEST, "size": 1}
MANIFESTS: dict[str, Any] = {
    "layers-are-an-object": {"layers": {"a": "b"}},
    "layers-are-numbers": {"layers": [1]},
    "layers-are-null": {"layers": None},
    "config-is-a-list": {"config": []},
    "config-is-missing": {"config": None},
    "size-is-negative": {"layers": [{**_LAYER, "size": -1}]},
    "size-is-enormous": {"layers": [{**_LAYER, "size": LARGE}]},
    "size-is-enormous-in-the-config": {"config": {**_LAYER, "mediaType": media_type.OCI_CONFIG, "size": LARGE}},
    "size-is-more-than-any-disk": {"layers": [{**_LAYER, "size": 2**64}]},
    "size-has-a-point": {"layers": [{**_LAYER, "size": 1.5}]},
    "size-is-true": {"layers": [{**_LAYER, "size": True}]},
    "size-is-text": {"layers": [{**_LAYER, "size": "1"}]},
    "digest-is-a-number": {"layers": [{**_LAYER, "digest": 1}]},
    "digest-leads-out": {"layers": [{**_LAYER, "digest": "sha256:../../../../etc/passwd"}]},
    "digest-of-a-kind-that-leads-out": {"layers": [{**_LAYER, "digest": f"../x:{'0' * 64}"}]},
    "digest-in-upper-case": {"layers": [{**_LAYER, "digest": f"sha256:{'A' * 64}"}]},
    "digest-of-full-width-digits": {"layers": [{**_LAYER, "digest": f"sha256:{'０' * 64}"}]},
    "digest-with-a-line-end": {"layers": [{**_LAYER, "digest": f"{sandbox.OTHER_DIGEST}\n"}]},
    "digest-is-short": {"layers": [{**_LAYER, "digest": "sha256:00"}]},
    "media-type-is-a-list": {"layers": [{**_LAYER, "mediaType": []}]},
    "media-type-of-the-manifest-is-a-number": {"mediaType": 5},
    "annotations-are-a-list": {"annotations": ["a"]},
    "annotations-are-numbers": {"annotations": {"a": 1}},
    "annotations-have-half-a-letter": {"annotations": {HALF: HALF}},
    "annotations-of-a-layer-are-text": {"layers": [{**_LAYER, "annotations": "x"}]},
    "urls-are-a-number": {"layers": [{**_LAYER, "urls": 5}]},
    "platform-is-text": {"layers": [{**_LAYER, "platform": "linux"}]},
    "version-is-text": {"schemaVersion": "2"},
    "version-is-true": {"schemaVersion": True},
    "version-is-1": {"schemaVersion": 1},
    "version-has-5000-digits": {"schemaVersion": 10**4_000},
    "manifest-and-index": {"manifests": []},
    "subject-is-text": {"subject": "x"},
    "no-json": b"{",
    "json-list": b"[1]",
    "empty": b"",
    "larger-than-4-mib": json.dumps({"schemaVersion": 2, "x": "a" * 5_000_000}).encode(),
}


# Texts that are costly to search for secrets in all encodings: as long as a document may be.
HARD_TO_READ = {
    "escapes-of-addresses": "%41",
    "escapes-of-escapes": "%252525252541",
    "escapes-of-json": "\\u0041",
    "backslashes": "\\",
    "escapes-of-html": "&#65;",
    "names-of-html": "&amp;",
    "base64": "QUFB",
    "digits": "41",
    "words": "aaaaaaaa ",
    "spaces": " ",
    "half-escapes": "%4",
    "letters-of-two-bytes": "é",
}


def rows() -> Iterator[Row]:
    for name, members in CONTAINERS.items():
        for how, command in (("shown", INSPECT), ("in-json", INSPECT_JSON), ("built-on", BUILD)):
            yield Row(f"{name}-{how}", container(**members), command, ENDS)
    for name, given in CONFIGS.items():
        yield Row(f"config-{name}", config(given), INSPECT, ENDS)
        yield Row(f"config-{name}-built-on", config(given), BUILD, ENDS)
    for name, text in TEXTS.items():
        yield Row(f"config-{name}", raw_config(text), INSPECT, ENDS)
        yield Row(f"config-{name}-in-json", raw_config(text), INSPECT_JSON, ENDS)
        yield Row(f"manifest-{name}", raw_manifest(text), PULL, ENDS)
    for name in ("nested-900", "half-a-letter", "number-of-5000-digits"):
        yield Row(f"config-{name}-compared", raw_config(TEXTS[name]), DIFF, ENDS)
        yield Row(f"config-{name}-of-a-base", partial(prepared, sandbox.base, raw_config(TEXTS[name])), BASE, ENDS)
        yield Row(
            f"config-{name}-remote", partial(prepared, sandbox.remote_images, raw_config(TEXTS[name])), REMOTE, ENDS
        )
    for name, given in MANIFESTS.items():
        yield Row(f"manifest-{name}", manifest(given), PULL, ENDS)
    for name in ("size-is-enormous", "size-is-negative", "digest-leads-out", "version-has-5000-digits"):
        yield Row(f"manifest-{name}-shown", manifest(MANIFESTS[name]), INSPECT_JSON)
        yield Row(
            f"manifest-{name}-remote", partial(prepared, sandbox.remote_images, manifest(MANIFESTS[name])), REMOTE, ENDS
        )
    for name, text in HARD_TO_READ.items():
        long = text * (3_900_000 // len(text))
        yield Row(f"manifest-of-{name}", partial(long_manifest, long), PULL, ENDS)
        yield Row(f"config-of-{name}", partial(long_config, long), INSPECT, ENDS)
    yield Row("index-of-itself-ten-hundred-deep", deep_indexes, PULL, ENDS, seconds=60)
    yield Row("index-of-itself-ten-hundred-deep-verified", deep_indexes, VERIFY, ENDS, seconds=60)
    yield Row("index-of-100000", index_of_many, INSPECT, ENDS)
    yield Row("index-platform-is-text", partial(index_of, {"platform": "linux/amd64"}), INSPECT)
    yield Row(
        "index-platform-of-halves", partial(index_of, {"platform": {"os": HALF, "architecture": HALF}}), INSPECT, ENDS
    )
    yield Row(
        "index-platform-of-numbers",
        partial(index_of, {"platform": {"os": 1, "architecture": 2}}),
        ("lock", "request.json"),
        ENDS,
    )
    yield Row("user-name-is-half-a-letter", odd_user, PULL, ENDS)
    yield Row("credentials-nested-100000", deep_credentials, PULL, ENDS)
    yield Row("usual", nothing, INSPECT_JSON, SUCCEEDS)
    yield Row(
        "unknown-members",
        config({"x": {"y": [1, None, 2.5]}, "config": {"Shell": ["a"], "OnBuild": None}}),
        INSPECT,
        SUCCEEDS,
    )
    yield Row("nested-90", raw_config(nested(90)), INSPECT_JSON, SUCCEEDS)


BASE = ("base", "request.json")
REMOTE = ("remote_images", "request.json")


def prepared(request: Callable[[Scene], None], prepare: Callable[[Scene], None], scene: Scene) -> None:
    prepare(scene)
    request(scene)


def deep_indexes(scene: Scene) -> None:
    """Nested indexes, each with one index and a correct digest."""
    image = ImageParts()
    image.put(scene.contents)
    repository = scene.contents.repositories["image"]
    data, kind = image.manifest, media_type.OCI_MANIFEST
    for _ in range(1_000):
        document = {"schemaVersion": 2, "mediaType": media_type.OCI_INDEX, "manifests": [descriptor(data, kind)]}
        data, kind = json.dumps(document).encode(), media_type.OCI_INDEX
        repository.manifests[str(Digest.of(data))] = (kind, data)
    repository.tags["1"] = str(Digest.of(data))
    scene.login("none")


def long_manifest(text: str, scene: Scene) -> None:
    usual = ImageParts(manifest_members={"annotations": {"a": "@"}}).manifest
    data = json.dumps(text, ensure_ascii=False)[1:-1].encode()[:3_900_000]
    ImageParts(manifest=usual.replace(b"@", data)).put(scene.contents)


def long_config(text: str, scene: Scene) -> None:
    ImageParts(config_members={"x": text[:1_900_000]}).put(scene.contents)


def index_of(members: Mapping[str, Any], scene: Scene, count: int = 1) -> None:
    image = ImageParts()
    image.put(scene.contents)
    child = {**descriptor(image.manifest, media_type.OCI_MANIFEST), **members}
    document = {"schemaVersion": 2, "mediaType": media_type.OCI_INDEX, "manifests": [child] * count}
    data = json.dumps(document).encode()
    repository = scene.contents.repositories["image"]
    repository.manifests[str(Digest.of(data))] = (media_type.OCI_INDEX, data)
    repository.tags["1"] = str(Digest.of(data))
    sandbox.lock(scene)


def index_of_many(scene: Scene) -> None:
    """An index with as many entries as 4 MiB can hold."""
    index_of({}, scene, 20_000)


def odd_user(scene: Scene) -> None:
    entry = {"username": HALF, "password": scene.secrets["password"]}
    (scene.home / "config.json").write_text(json.dumps({"auths": {scene.registry.address: entry}}))


def deep_credentials(scene: Scene) -> None:
    (scene.home / "config.json").write_text(nested(100_000))


@pytest.mark.parametrize("row", table(rows()))
def test_documents(row: Row, check: Callable[[Row], None]) -> None:
    check(row)
