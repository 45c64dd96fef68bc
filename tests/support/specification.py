"""The specification as data: requests and expected responses, for any registry.

Spec: distribution-spec v1.1.1; the sections are named with each case.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from ocikit.testing import Faults
from support.specification_case import Case, Step

_IMAGE = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_OCTETS = {"Content-Type": "application/octet-stream"}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _describe(data: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(data), "size": len(data)}


_CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
_BLOB = b"0123456789" * 3
_ABSENT = _digest(b"absent")


def _manifest(layer: bytes = _BLOB, **more: Any) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": _IMAGE,
        "config": _describe(_CONFIG, "application/vnd.oci.image.config.v1+json"),
        "layers": [_describe(layer, "application/vnd.oci.image.layer.v1.tar")],
    }
    return json.dumps({**document, **more}).encode()


_MANIFEST = _manifest()
_REFERRER = _manifest(subject=_describe(_MANIFEST, _IMAGE), artifactType="application/x.test", annotations={"a": "b"})
_INDEX_OF_ONE = json.dumps(
    {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [_describe(_MANIFEST, _IMAGE)]}
).encode()
_INDEX_OF_NOTHING = json.dumps(
    {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [{"mediaType": _IMAGE, "digest": _ABSENT, "size": 6}]}
).encode()


def _put_blob(data: bytes = _BLOB, name: str = "{name}") -> tuple[Step, Step]:
    return (
        Step(f"POST /v2/{name}/blobs/uploads/", 202, answered={"Location": "/v2/.+/blobs/uploads/.+"}),
        Step(
            f"PUT {{location}}digest={_digest(data)}",
            201,
            _OCTETS,
            data,
            answered={"Location": f"/v2/.+/blobs/{_digest(data)}"},
        ),
    )


def _put(tag_or_digest: str, data: bytes = _MANIFEST, kind: str = _IMAGE, **answer: Any) -> Step:
    expected = {"Location": "/v2/.+/manifests/.+", "Docker-Content-Digest": _digest(data)}
    answer = {"status": 201, "answered": expected, **answer}
    return Step(f"PUT /v2/{{name}}/manifests/{tag_or_digest}", headers={"Content-Type": kind}, sent=data, **answer)


def _get(tag_or_digest: str, status: int = 200, **answer: Any) -> Step:
    return Step(f"GET /v2/{{name}}/manifests/{tag_or_digest}", status, {"Accept": f"{_IMAGE}, {_INDEX}"}, **answer)


def _piece(start: int, data: bytes, status: int = 202, **answer: Any) -> Step:
    end = start + len(data) - 1
    expected = {"Location": ".+", "Range": f"0-{end}"} if status == 202 else {}
    headers = {**_OCTETS, "Content-Range": f"{start}-{end}"}
    return Step("PATCH {location}", status, headers, data, **{"answered": expected, **answer})


def _referrers(query: str, found: list[dict[str, Any]], answered: Mapping[str, str]) -> Step:
    path = f"/v2/{{name}}/referrers/{_digest(_MANIFEST)}{query}"
    return Step(f"GET {path}", 200, answered=answered, names={"manifests": found})


def _put_and_get(data: bytes) -> tuple[Step, Step]:
    return _put("1.0", data), _get("1.0", body=data)


def _manifest_with(kind: str) -> bytes:
    """A manifest with a layer whose bytes are at an URL of its publisher."""
    layer = {**_describe(b"absent", kind), "urls": ["https://store.example/layer"]}
    return _manifest(layers=[layer, _describe(_BLOB, "application/vnd.oci.image.layer.v1.tar")])


_NOT_DISTRIBUTED = (
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
)
_DESCRIBED = {**_describe(_REFERRER, _IMAGE), "artifactType": "application/x.test", "annotations": {"a": "b"}}
_READ_BLOB = Step(f"GET /v2/{{name}}/blobs/{_digest(_BLOB)}", 200, body=_BLOB)
_BLOBS = (*_put_blob(_BLOB), *_put_blob(_CONFIG))
_FINISH = f"PUT {{location}}digest={_digest(_BLOB)}"
_STARTED = Step("POST /v2/{name}/blobs/uploads/", 202)

CASES: Mapping[str, Case] = {
    "ping": Case("Determining Support", (Step("GET /v2/", 200),)),
    "blob-in-one-piece": Case(
        "POST then PUT",
        (
            *_put_blob(),
            Step(f"HEAD /v2/{{name}}/blobs/{_digest(_BLOB)}", 200, answered={"Content-Length": "30"}, body=b""),
            _READ_BLOB,
        ),
    ),
    "blob-in-single-post": Case(
        "Single POST",
        (
            Step(
                f"POST /v2/{{name}}/blobs/uploads/?digest={_digest(_BLOB)}",
                201,
                _OCTETS,
                _BLOB,
                answered={"Location": ".+"},
            ),
            _READ_BLOB,
        ),
    ),
    "blob-part": Case(
        "Pulling blobs",
        (
            *_put_blob(),
            Step(
                f"GET /v2/{{name}}/blobs/{_digest(_BLOB)}",
                206,
                {"Range": "bytes=10-"},
                answered={"Content-Range": "bytes 10-29/30"},
                body=_BLOB[10:],
            ),
            Step(f"GET /v2/{{name}}/blobs/{_digest(_BLOB)}", 416, {"Range": "bytes=30-"}),
        ),
    ),
    "blob-absent": Case(
        "Checking if content exists in the registry",
        (
            *_put_blob(),
            Step(f"HEAD /v2/{{name}}/blobs/{_ABSENT}", 404),
            Step(f"GET /v2/{{name}}/blobs/{_ABSENT}", 404, code="BLOB_UNKNOWN"),
        ),
    ),
    "blob-wrong": Case(
        "POST then PUT",
        (
            _STARTED,
            Step(f"PUT {{location}}digest={_ABSENT}", 400, _OCTETS, _BLOB, code="DIGEST_INVALID"),
            Step(f"HEAD /v2/{{name}}/blobs/{_ABSENT}", 404),
        ),
    ),
    "blob-no-digest": Case("POST then PUT", (_STARTED, Step("PUT {location}", 400, _OCTETS, _BLOB))),
    "blob-not-a-digest": Case(
        "POST then PUT",
        (_STARTED, Step("PUT {location}digest=sha256:xyz", 400, _OCTETS, _BLOB, code="DIGEST_INVALID")),
    ),
    "blob-in-pieces": Case(
        "Pushing a blob in chunks",
        (
            _STARTED,
            _piece(0, _BLOB[:12]),
            _piece(12, _BLOB[12:]),
            Step(_FINISH, 201, answered={"Location": ".+"}),
            _READ_BLOB,
        ),
    ),
    "blob-with-last-piece-in-put": Case(
        "Pushing a blob in chunks",
        (
            _STARTED,
            _piece(0, _BLOB[:12]),
            Step(_FINISH, 201, {**_OCTETS, "Content-Range": "12-29"}, _BLOB[12:]),
            _READ_BLOB,
        ),
    ),
    "pieces-out-of-order": Case(
        "Pushing a blob in chunks",
        (
            _STARTED,
            _piece(0, _BLOB[:12]),
            _piece(20, _BLOB[20:], 416),
            Step("GET {location}", 204, answered={"Location": ".+", "Range": "0-11", "Content-Length": ""}),
            _piece(12, _BLOB[12:]),
            Step(_FINISH, 201),
        ),
    ),
    "first-piece-not-at-0": Case("Pushing a blob in chunks", (_STARTED, _piece(1, _BLOB[1:], 416))),
    "piece-twice": Case("Pushing a blob in chunks", (_STARTED, _piece(0, _BLOB[:12]), _piece(0, _BLOB[:12], 416))),
    "piece-span-not-its-size": Case(
        "Pushing a blob in chunks",
        (_STARTED, Step("PATCH {location}", (400, 416), {**_OCTETS, "Content-Range": "0-5"}, _BLOB)),
    ),
    "upload-unknown": Case(
        "Endpoints",
        tuple(
            Step(f"{method} /v2/{{name}}/blobs/uploads/6b3c9a93-af5d-473f-a4ff-9710022185cd", 404)
            for method in ("GET", "PATCH", "PUT")
        ),
    ),
    "upload-cancelled": Case("Endpoints (next version)", (_STARTED, Step("DELETE {location}", 204))),
    "mount": Case(
        "Mounting a blob from another repository",
        (
            *_put_blob(),
            Step(
                f"POST /v2/{{name}}-2/blobs/uploads/?mount={_digest(_BLOB)}&from={{name}}",
                201,
                answered={"Location": f"/v2/.+-2/blobs/{_digest(_BLOB)}"},
            ),
            Step(f"GET /v2/{{name}}-2/blobs/{_digest(_BLOB)}", 200, body=_BLOB),
        ),
    ),
    "mount-of-nothing": Case(
        "Mounting a blob from another repository",
        (
            *_put_blob(),
            Step(f"POST /v2/{{name}}-2/blobs/uploads/?mount={_ABSENT}&from={{name}}", 202, answered={"Location": ".+"}),
            Step(f"POST /v2/{{name}}-2/blobs/uploads/?mount={_digest(_BLOB)}&from={{name}}-3", 202),
            Step(f"PUT {{location}}digest={_digest(_CONFIG)}", 201, _OCTETS, _CONFIG),
        ),
    ),
    "mount-from-nowhere-named": Case(
        "Mounting a blob from another repository",
        (*_put_blob(), Step(f"POST /v2/{{name}}-2/blobs/uploads/?mount={_digest(_BLOB)}", (201, 202))),
    ),
    "manifest-by-tag": Case(
        "Pushing Manifests",
        (
            *_BLOBS,
            _put("1.0"),
            _get("1.0", body=_MANIFEST, answered={"Content-Type": re.escape(_IMAGE)}),
            _get(_digest(_MANIFEST), body=_MANIFEST, answered={"Docker-Content-Digest": _digest(_MANIFEST)}),
            Step(
                "HEAD /v2/{name}/manifests/1.0",
                200,
                {"Accept": _IMAGE},
                answered={"Content-Length": str(len(_MANIFEST)), "Docker-Content-Digest": _digest(_MANIFEST)},
            ),
        ),
    ),
    "manifest-by-digest": Case(
        "Pushing Manifests", (*_BLOBS, _put(_digest(_MANIFEST)), _get(_digest(_MANIFEST)), _get("latest", 404))
    ),
    "manifest-under-another-digest": Case(
        "Pushing Manifests", (*_BLOBS, _put(_ABSENT, status=400, answered={}, code="DIGEST_INVALID"))
    ),
    "manifest-of-absent-blobs": Case(
        "Pushing Manifests",
        (
            *_put_blob(),
            _put("1.0", status=(400, 404), answered={}, code="MANIFEST_BLOB_UNKNOWN"),
            _get("1.0", 404, code="MANIFEST_UNKNOWN"),
        ),
    ),
    "manifest-of-layers-that-are-not-distributed": Case(
        "image-spec v1.1.1, Non-Distributable Layers",
        (
            *_BLOBS,
            *(step for kind in _NOT_DISTRIBUTED for step in _put_and_get(_manifest_with(kind))),
        ),
    ),
    "manifest-that-is-none": Case(
        "Pushing Manifests", (_put("1.0", b"{", status=400, answered={}, code="MANIFEST_INVALID"),)
    ),
    "manifest-of-another-type": Case(
        "Pushing Manifests", (*_BLOBS, _put("1.0", kind=_INDEX, status=400, answered={}, code="MANIFEST_INVALID"))
    ),
    "manifest-of-no-known-type": Case(
        "Pushing Manifests", (*_BLOBS, _put("1.0", kind="text/plain", status=(400, 415), answered={}))
    ),
    "manifest-type-with-parameter": Case("Pushing Manifests", (*_BLOBS, _put("1.0", kind=f"{_IMAGE}; charset=utf-8"))),
    "manifest-too-large": Case(
        "Pushing Manifests", (*_BLOBS, _put("1.0", _manifest(x="x" * 5_000_000), status=(400, 413), answered={}))
    ),
    "manifest-of-4-MB": Case("Pushing Manifests", (*_BLOBS, _put("1.0", _manifest(x="x" * 4_000_000)))),
    "index": Case(
        "Pushing Manifests",
        (
            *_BLOBS,
            _put("1.0", _INDEX_OF_NOTHING, _INDEX, status=(400, 404), answered={}, code="MANIFEST_BLOB_UNKNOWN"),
            _put(_digest(_MANIFEST)),
            _put("1.0", _INDEX_OF_ONE, _INDEX),
            _get("1.0", body=_INDEX_OF_ONE, answered={"Content-Type": re.escape(_INDEX)}),
        ),
    ),
    "tag-moves": Case(
        "Pushing Manifests",
        (*_BLOBS, _put("1.0"), _put("1.0", _manifest(annotations={"a": "b"})), _get(_digest(_MANIFEST))),
    ),
    "tag-that-is-none": Case(
        "Pulling manifests",
        (*_BLOBS, _put("-1.0", status=(400, 404), answered={}), _put("a" * 129, status=(400, 404), answered={})),
    ),
    "name-that-is-none": Case("Pulling manifests", (Step("POST /v2/UPPER/blobs/uploads/", (400, 404)),)),
    "manifest-absent": Case(
        "Pulling manifests",
        (
            *_put_blob(),
            _get("1.0", 404, code="MANIFEST_UNKNOWN"),
            _get(_ABSENT, 404, code="MANIFEST_UNKNOWN"),
            Step("HEAD /v2/{name}/manifests/1.0", 404),
            Step("HEAD /v2/{name}-2/manifests/1.0", 404),
        ),
    ),
    "tags": Case(
        "Listing Tags",
        (
            *_BLOBS,
            *(_put(tag) for tag in ("b", "a", "d", "c")),
            Step("GET /v2/{name}/tags/list", 200, names={"tags": ["a", "b", "c", "d"]}),
            Step(
                "GET /v2/{name}/tags/list?n=2",
                200,
                answered={"Link": '<.*n=2.*>; *rel="next"'},
                names={"tags": ["a", "b"]},
            ),
            Step("GET /v2/{name}/tags/list?n=2&last=b", 200, answered={"Link": ""}, names={"tags": ["c", "d"]}),
            Step("GET /v2/{name}-2/tags/list", 404, code="NAME_UNKNOWN"),
        ),
    ),
    "tags-limited-to-0": Case(
        "Listing Tags", (*_BLOBS, _put("a"), Step("GET /v2/{name}/tags/list?n=0", 200, names={"tags": []}))
    ),
    "tags-in-an-order-without-case": Case(
        "Listing Tags",
        (*_BLOBS, *map(_put, ("b", "C", "a")), Step("GET /v2/{name}/tags/list", 200, names={"tags": ["a", "b", "C"]})),
    ),
    "delete": Case(
        "Content Management",
        (
            *_BLOBS,
            _put("1.0"),
            Step(f"DELETE /v2/{{name}}/manifests/{_digest(_MANIFEST)}", 202),
            _get("1.0", 404),
            _get(_digest(_MANIFEST), 404),
            Step(f"DELETE /v2/{{name}}/blobs/{_digest(_BLOB)}", 202),
            Step(f"HEAD /v2/{{name}}/blobs/{_digest(_BLOB)}", 404),
            Step(f"DELETE /v2/{{name}}/blobs/{_digest(_BLOB)}", 404),
        ),
    ),
    "delete-tag": Case(
        "Deleting tags",
        (
            *_BLOBS,
            _put("1.0"),
            Step("DELETE /v2/{name}/manifests/1.0", 202),
            _get("1.0", 404),
            _get(_digest(_MANIFEST), 200),
        ),
    ),
    "referrers": Case(
        "Listing Referrers",
        (
            *_BLOBS,
            _put(_digest(_MANIFEST)),
            _referrers("", [], {"Content-Type": re.escape(_INDEX)}),
            _put(_digest(_REFERRER), _REFERRER, answered={"OCI-Subject": _digest(_MANIFEST)}),
            _referrers("?artifactType=application/x.test", [_DESCRIBED], {"OCI-Filters-Applied": "artifactType"}),
            _referrers("?artifactType=another", [], {}),
            Step("GET /v2/{name}/referrers/sha256:xyz", 400),
        ),
    ),
    "several-tags": Case(
        "Pushing Manifests (next version)",
        (
            *_BLOBS,
            _put(f"{_digest(_MANIFEST)}?tag=1.0&tag=1", answered={"OCI-Tag": "1.0, 1"}),
            _get("1.0"),
            _get("1"),
        ),
        Faults(multi_tag=True),
    ),
    "several-tags-of-no-interest": Case(
        "Pushing Manifests (end-7)",
        (*_BLOBS, _put(f"{_digest(_MANIFEST)}?tag=1.0", answered={"OCI-Tag": ""}), _get("1.0", 404)),
    ),
}
