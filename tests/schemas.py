"""JSON schemas of the documents of image-spec v1.1.1, written from its text.

They are stricter than the specification where that only concerns what we write: a media type is always present,
numbers and texts have one form, and unknown members are errors. `validate_officially` uses the specification's own
schemas instead, which Debian packages.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYOUT = "application/vnd.oci.layout.header.v1+json"


def validate(document: bytes, media_type: str) -> None:
    """Raise jsonschema.ValidationError unless `document` is valid for `media_type`."""
    checker = jsonschema.Draft7Validator(SCHEMAS[media_type])
    checker.validate(json.loads(document.decode("utf-8")))


def validate_officially(document: bytes, media_type: str) -> None:
    """Raise jsonschema.ValidationError unless the specification's own schema accepts `document`."""
    _official_validator(_OFFICIAL_FILES[media_type]).validate(json.loads(document.decode("utf-8")))


_OFFICIAL_FOLDER = Path("/usr/share/gocode/src/github.com/opencontainers/image-spec/schema")
_OFFICIAL_FILES = {
    CONFIG: "config-schema.json",
    INDEX: "image-index-schema.json",
    LAYOUT: "image-layout-schema.json",
    MANIFEST: "image-manifest-schema.json",
}


@functools.cache
def _official_validator(name: str) -> jsonschema.Draft4Validator:
    schema = _official_schema(name)
    # The last part of a resolved reference is the name of a file, whatever its base.
    resolver = jsonschema.RefResolver(
        schema["id"], schema, handlers={"https": lambda uri: _official_schema(uri.rpartition("/")[2])}
    )
    return jsonschema.Draft4Validator(schema, resolver=resolver)


def _official_schema(name: str) -> dict[str, Any]:
    path = _OFFICIAL_FOLDER / name
    if not path.exists():
        pytest.fail(f"{path} is missing; ./test installs golang-github-opencontainers-image-spec-dev, which has it.")
    schema: dict[str, Any] = json.loads(path.read_text())
    return schema


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    names = {name.replace("__", "."): schema for name, schema in properties.items()}
    return {
        "type": "object",
        "required": required,
        "properties": names,
        "additionalProperties": False,
    }


def _array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _map(values: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": {"minLength": 1},
        "additionalProperties": values,
    }


_TEXT = {"type": "string"}
_NAME = {"type": "string", "minLength": 1}
_EMPTY = _object([])
# config.md#properties: "formatted as defined by RFC 3339, section 5.6".
_TIME = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
}
# descriptor.md#digests, the registered algorithms.
_DIGEST = {"type": "string", "pattern": "^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$"}
_SIZE = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
# descriptor.md#properties, which quotes RFC 6838, section 4.2.
_TYPE_NAME = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE = {"type": "string", "pattern": f"^{_TYPE_NAME}/{_TYPE_NAME}$"}
# annotations.md#rules.
_ANNOTATIONS = _map(_TEXT)

# image-index.md#image-index-property-descriptions.
_PLATFORM = _object(
    ["architecture", "os"],
    architecture=_NAME,
    os=_NAME,
    variant=_NAME,
    os__version=_TEXT,
    os__features=_array(_TEXT),
)
_DESCRIPTOR = _object(
    ["mediaType", "digest", "size"],
    mediaType=_MEDIA_TYPE,
    digest=_DIGEST,
    size=_SIZE,
    annotations=_ANNOTATIONS,
    platform=_PLATFORM,
)

# config.md#properties, and Docker's Healthcheck, which the specification leaves to engines.
_CONTAINER = _object(
    [],
    User=_NAME,
    ExposedPorts={
        "type": "object",
        "propertyNames": {"pattern": r"^\d{1,5}/(tcp|udp|sctp)$"},
        "additionalProperties": _EMPTY,
    },
    Env=_array({"type": "string", "pattern": "^[^=]+=[^\\0]*$"}),
    Entrypoint=_array(_TEXT),
    Cmd=_array(_TEXT),
    Volumes=_map(_EMPTY),
    WorkingDir={"type": "string", "pattern": "^/"},
    Labels=_map(_TEXT),
    StopSignal={"type": "string", "pattern": r"^(SIG[A-Z0-9]+([+-]\d+)?|\d+)$"},
    Healthcheck=_object(
        ["Test"],
        Test={**_array(_TEXT), "minItems": 1},
        Interval=_SIZE,
        Timeout=_SIZE,
        StartPeriod=_SIZE,
        Retries=_SIZE,
    ),
)
_HISTORY = _object(
    [],
    created=_TIME,
    author=_TEXT,
    created_by=_TEXT,
    comment=_TEXT,
    empty_layer={"type": "boolean"},
)

SCHEMAS: dict[str, dict[str, Any]] = {
    CONFIG: _object(
        ["architecture", "os", "rootfs"],
        created=_TIME,
        author=_TEXT,
        architecture=_NAME,
        os=_NAME,
        variant=_NAME,
        config=_CONTAINER,
        rootfs=_object(["type", "diff_ids"], type={"const": "layers"}, diff_ids=_array(_DIGEST)),
        history=_array(_HISTORY),
    ),
    MANIFEST: _object(
        ["schemaVersion", "mediaType", "config", "layers"],
        schemaVersion={"const": 2},
        mediaType={"const": MANIFEST},
        config=_DESCRIPTOR,
        layers=_array(_DESCRIPTOR),
        annotations=_ANNOTATIONS,
    ),
    INDEX: _object(
        ["schemaVersion", "mediaType", "manifests"],
        schemaVersion={"const": 2},
        mediaType={"const": INDEX},
        manifests=_array(_DESCRIPTOR),
        annotations=_ANNOTATIONS,
    ),
    LAYOUT: _object(["imageLayoutVersion"], imageLayoutVersion={"const": "1.0.0"}),
}
