"""The images of a push, its registry, and the faults."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Callable

from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import Manifest
from ocikit.testing import Break, Disturbance, FakeRegistry, Faults, Refusal

USER = "publisher"
PASSWORD = "planted-password"
BASE = "base/python"
REPOSITORIES = ("shop/api", "shop/web")
TAG = "latest"


@dataclass(frozen=True)
class Images:
    """An image for each of REPOSITORIES, and every blob by its digest."""

    manifests: Mapping[str, Manifest]
    blobs: Mapping[Digest, bytes]


def _describe(data: bytes, kind: str) -> Descriptor:
    return Descriptor(kind, Digest.of(data), len(data))


def _images(version: str, size: int) -> Images:
    """Two images: both have the base's layer and a layer of `size` bytes, and each has its own layer and config."""
    base, shared = b"base layer", (b"shared layer " + version.encode()).ljust(size, b".")
    blobs = {Digest.of(base): base, Digest.of(shared): shared}
    manifests = {}
    for repository in REPOSITORIES:
        config = f'{{"architecture":"amd64","os":"linux","author":"{repository} {version}"}}'.encode()
        own = f"layer of {repository} {version}".encode()
        layers = [_describe(data, media_type.OCI_LAYER) for data in (base, shared, own)]
        manifests[repository] = Manifest.of(_describe(config, media_type.OCI_CONFIG), layers)
        blobs.update({Digest.of(data): data for data in (config, own)})
    return Images(MappingProxyType(manifests), MappingProxyType(blobs))


OLD = _images("old", 100)
NEW = _images("new", 100)
# The same kinds of blobs, with one larger than the limit of the registry.
NEW_LARGE = _images("new", 1_200_000)


# If the registry accepts any manifest, only the client ensures that a tag names a complete image.
TRUSTING = Faults(unchecked_manifests=True)


@dataclass(frozen=True)
class Request:
    """A kind of request, with its name in the table; `pattern` is in "METHOD /path?query".

    `faults`: permanent differences of the registry. `first`: disturbances that cause the request.
    If several requests of the kind may be in progress at a time, a fault only affects those with `at`, after the first
    `skip`, so that it always affects the same one.
    """

    shown: str
    pattern: str
    faults: Faults = TRUSTING
    first: tuple[Disturbance, ...] = ()
    at: str = ""
    skip: int = 0

    def steady(self) -> Faults:
        """The faults that the request needs in order to be made."""
        return replace(self.faults, disturbances=self.first)


_BASE_LAYER = OLD.manifests[REPOSITORIES[0]].layers[0].digest.hex
_LARGE_LAYER = NEW_LARGE.manifests[REPOSITORIES[0]].layers[1].digest.hex
# A little below nginx's limit: a blob of 1.2 MB is uploaded in chunks.
_PIECES = replace(TRUSTING, max_body=1_000_000)
_CUT_PIECE = Disturbance("^PATCH", Break.RESET, skip=1)

REQUESTS: Mapping[str, Request] = MappingProxyType(
    {
        request.shown: request
        for request in (
            Request("token", "^(GET|POST) /token"),
            Request("HEAD tag", "^HEAD .*/manifests/[^:]*$"),
            Request("HEAD manifest", "^HEAD .*/manifests/.*:"),
            Request("GET manifest", "^GET .*/manifests/"),
            Request("HEAD blob", "^HEAD .*/blobs/"),
            Request("POST mount", r"^POST .*\?.*mount=", at=f"^POST .*mount=.*{_BASE_LAYER}"),
            Request("POST upload", "^POST .*/blobs/uploads/$"),
            Request("PUT blob", "^PUT .*/blobs/uploads/"),
            Request("PUT manifest", "^PUT .*/manifests/"),
            Request("PATCH piece", "^PATCH ", _PIECES),
            Request("GET upload", "^GET .*/blobs/uploads/", _PIECES, (_CUT_PIECE,)),
            # The first request has the whole layer, and is refused.
            Request(
                "PUT end of pieces", "^PUT .*/blobs/uploads/", _PIECES, at=f"^PUT .*digest=.*{_LARGE_LAYER}", skip=1
            ),
        )
    }
)


@dataclass(frozen=True)
class Fault:
    """A fault. `faults(pattern, times, elsewhere)`: the registry's behaviour. `transient`: once, it must not matter."""

    shown: str
    faults: Callable[[str, int | None, str], Faults]
    transient: bool = False
    stalls: bool = False


def _broken(what: Break, *, transient: bool = True) -> Fault:
    def faults(pattern: str, times: int | None, elsewhere: str) -> Faults:
        return Faults(disturbances=(Disturbance(pattern, what, times),))

    return Fault(_SHOWN[what], faults, transient, stalls=what is Break.STALLED)


def _answered(
    shown: str, status: int, *headers: tuple[str, str], body: bytes = b"no", transient: bool = False
) -> Fault:
    def faults(pattern: str, times: int | None, elsewhere: str) -> Faults:
        placed = tuple((name, value.replace("{elsewhere}", elsewhere)) for name, value in headers)
        return Faults(refusals=(Refusal(pattern, status, times, placed, body),))

    return Fault(shown, faults, transient)


_SHOWN = {
    Break.REFUSED: "connection refused",
    Break.RESET: "reset before the answer",
    Break.RESET_IN_BODY: "reset in the middle of the body",
    Break.LOST: "answer lost",
    Break.STALLED: "no answer, stalled",
    Break.TRUNCATED: "answer cut short",
    Break.UNAUTHORIZED: "401 in the middle",
    Break.WRONG_DIGEST: "wrong digest header",
}
_PAGE = b"<!DOCTYPE html><html><title>Bad gateway</title></html>"
_HTML = ("Content-Type", "text/html")

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.shown: fault
        for fault in (
            _broken(Break.REFUSED),
            _broken(Break.RESET),
            _broken(Break.RESET_IN_BODY),
            _broken(Break.LOST),
            _broken(Break.STALLED),
            _broken(Break.TRUNCATED),
            _broken(Break.UNAUTHORIZED),
            _answered("403", 403),
            _answered("404", 404),
            _answered("408", 408, transient=True),
            _answered("413", 413, _HTML, body=_PAGE),
            _answered("429", 429, transient=True),
            _answered("429, Retry-After", 429, ("Retry-After", "1"), transient=True),
            _answered("500", 500, transient=True),
            _answered("502, a page", 502, _HTML, body=_PAGE, transient=True),
            _answered("503, Retry-After", 503, ("Retry-After", "1"), transient=True),
            _broken(Break.WRONG_DIGEST, transient=False),
            _answered("200, a page", 200, _HTML, body=_PAGE),
            _answered("redirect to another host", 307, ("Location", "{elsewhere}{path}")),
        )
    }
)


def docker_config(address: str) -> bytes:
    """The `config.json` that `docker login` writes."""
    secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return json.dumps({"auths": {address: {"auth": secret}}}).encode()


def images_for(request: Request) -> Images:
    return NEW_LARGE if request.faults.max_body else NEW


def seed(registry: FakeRegistry) -> None:
    """Put the base, and an older image into the first repository."""
    base = OLD.manifests[REPOSITORIES[0]].layers[0]
    registry.put_blob(BASE, OLD.blobs[base.digest])
    manifest = OLD.manifests[REPOSITORIES[0]]
    for blob in manifest.blobs:
        registry.put_blob(REPOSITORIES[0], OLD.blobs[blob.digest])
    registry.put_manifest(REPOSITORIES[0], manifest, TAG)


def kinds_of(line: str, requests: Mapping[str, Request] = REQUESTS) -> list[str]:
    """The kinds that match "METHOD /path?query"."""
    return [shown for shown, request in requests.items() if re.search(request.pattern, line)]
