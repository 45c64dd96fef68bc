"""The distribution specification as functions that build the requests of each endpoint and read the responses.

`at` is the address of a repository: `https://registry.example/v2/shop/web`. Spec: distribution-spec v1.1.1,
"Endpoints".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.registry.error_response import is_html, violation
from ocikit.registry.http import Request, Response, StreamedBody, is_loopback, location_of
from ocikit.spec import media_type
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import DEFAULT_ALGORITHM, Digest
from ocikit.spec.manifest import ImageIndex, Manifest, parse_manifest
from ocikit.whole_number import whole_number

# distribution-spec v1.1.1, "Pushing Manifests": registries should accept 4 MiB, so clients send no more.
MAX_MANIFEST_SIZE = 4 * 1024 * 1024

_ACCEPT = ", ".join((*media_type.INDEXES, *media_type.MANIFESTS))
_RANGE = re.compile(r"(?:bytes[ =])?0-([0-9]{1,18})")
_SHORTEST_IN_DIGEST = 8
_TEXT = re.compile(rb"[ -~]{%d}" % _SHORTEST_IN_DIGEST)
_OCTETS = "application/octet-stream"
# Statuses of registries that do not accept several tags in one PUT; 414 and 431 mean too many.
NO_TAGS = (400, 404, 405, 414, 431, 501)
# distribution-spec (main, 2026): registries should accept this many.
MAX_TAGS = 10
# Statuses that reject a monolithic upload but may accept chunks: no such route, not allowed, too large for a proxy, not
# implemented.
CHUNKED_STATUSES = (404, 405, 413, 501)
# nginx accepts 1 MiB by default.
CHUNK_SIZES = (16 * 1024 * 1024, 960 * 1024)
# Upper limit of a registry's minimum: each connection holds a chunk in memory. Registries that have a minimum ask for 5
# MiB to 10 MiB.
_LARGEST_CHUNK = CHUNK_SIZES[0]


def address(registry: str, scheme: str | None, insecure: bool) -> str:
    """The base address of a registry (host[:port]): `https://host`, or http for loopback and for `insecure`.

    `scheme` overrides this.
    """
    host = "registry-1.docker.io" if registry == "docker.io" else registry
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    plain = insecure or is_loopback(name)
    return f"{scheme or ('http' if plain else 'https')}://{host}"


def ping(base: str) -> Request:
    """Spec: "Determining Support"."""
    return Request("GET", f"{base}/v2/")


def manifest(method: str, at: str, name: str) -> Request:
    """HEAD or GET of the manifest that a tag or a digest names. Spec: "Pulling manifests"."""
    return Request(method, f"{at}/manifests/{quote(name, safe=':')}", {"Accept": _ACCEPT})


def put_manifest(at: str, name: str, content: Manifest | ImageIndex, tags: Sequence[str] = ()) -> Request:
    """Spec: "Pushing Manifests". `tags` (main, 2026, endpoint 7b) need a digest as `name`."""
    query = "?" + urlencode([("tag", tag) for tag in tags]) if tags else ""
    url = f"{at}/manifests/{quote(name, safe=':')}{query}"
    return Request("PUT", url, {"Content-Type": content.media_type}, content.data, same_origin_only=True)


def confirmed_tags(answer: Response, asked: Sequence[str]) -> frozenset[str]:
    """The tags of one PUT that the registry reports as set, in `OCI-Tag` headers."""
    named = answer.headers.get("oci-tag", "").split(",")
    return frozenset(asked) & {name.strip() for name in named}


def blob(method: str, at: str, digest: Digest) -> Request:
    """HEAD of a blob, or GET with a streamed response. Spec: "Pulling blobs"."""
    return Request(method, f"{at}/blobs/{digest}", streamed=method == "GET")


def start_upload(at: str) -> Request:
    """Spec: "POST then PUT". The response may name another server for the upload."""
    return Request("POST", f"{at}/blobs/uploads/", same_origin_only=True)


def mount(at: str, digest: Digest, source: str) -> Request:
    """Mount a blob from the repository `source` (its path), or start an upload.

    Spec: "Mounting a blob from another repository".
    """
    query = urlencode({"mount": str(digest), "from": source})
    return Request("POST", f"{at}/blobs/uploads/?{query}", same_origin_only=True)


def upload_status(location: str) -> Request:
    """Ask how much of an upload has arrived. Spec: "Pushing a blob in chunks"."""
    return Request("GET", location)


def cancel_upload(location: str) -> Request:
    """Spec (main, 2026): "Canceling a blob upload"."""
    return Request("DELETE", location, no_retry=True)


def send_chunk(location: str, start: int, chunk: bytes) -> Request:
    """Send the chunk of a blob that begins at byte `start`. Spec: "Pushing a blob in chunks"."""
    span = f"{start}-{start + len(chunk) - 1}"
    return Request("PATCH", location, {"Content-Type": _OCTETS, "Content-Range": span}, chunk, no_retry=True)


def finish_upload(location: str, blob: Descriptor, body: bytes | StreamedBody) -> Request:
    """End an upload; `body` is the whole blob (monolithic) or empty (after chunks)."""
    query = urlencode({"digest": str(blob.digest)})
    url = f"{location}{'&' if '?' in location else '?'}{query}"
    return Request("PUT", url, {"Content-Type": _OCTETS}, body, no_retry=True, stores=blob.size)


def next_chunk_size(status: int, blob_size: int, tried: int | None) -> int | None:
    """The chunk size (bytes) to try after `status` rejected a blob; None if all were tried.

    `tried` is the last chunk size, None for a monolithic upload.
    """
    if tried and status != 413:
        return None
    limit = tried or (blob_size if status == 413 else None)
    smaller = (size for size in CHUNK_SIZES if limit is None or size < limit)
    return next(smaller, None)


def least_chunk_size(answer: Response) -> int:
    """The minimum size (bytes) of every chunk but the last. Spec: "Pushing a blob in chunks"."""
    # Chunks are held in memory: a registry that requires larger ones gets smaller ones, and rejects them.
    return min(whole_number(answer.headers.get("oci-chunk-min-length", "")) or 0, _LARGEST_CHUNK)


def received(answer: Response) -> int:
    """How many bytes of an upload the registry has, from the header `Range: 0-LAST` of its status.

    Registries send "0-0" if nothing has arrived.

    >>> received(Answer(upload_status(""), 204, {"range": "0-99"}))
    100
    """
    found = _RANGE.fullmatch(answer.headers.get("range", "").strip())
    last = int(found[1]) if found else 0
    return last + 1 if last else 0


def upload_location(answer: Response) -> str:
    """The address at which the upload continues: `Location`, resolved, with its query."""
    location = answer.headers.get("location")
    if not location:
        raise violation(answer, "a Location header that says where to upload")
    return location_of(answer, location)


def read_description(answer: Response, name: str) -> Descriptor | None:
    """The descriptor in the response to HEAD of a manifest; None if a header is missing.

    Spec: "Checking if content exists in the registry". Raises ProtocolViolation.
    """
    if is_html(answer):
        raise violation(answer, "a manifest's headers")
    digest = _content_digest(answer)
    size = whole_number(answer.headers.get("content-length", ""))
    known = (*media_type.MANIFESTS, *media_type.INDEXES)
    if not digest or answer.content_type not in known or not size:
        return None
    if ":" in name and digest.algorithm == name.partition(":")[0] and str(digest) != name:
        raise violation(answer, f"the manifest {name}, not {digest}")
    return Descriptor(answer.content_type, digest, size)


def read_manifest(answer: Response, name: str) -> Manifest | ImageIndex:
    """Parse the response to GET of a manifest, verified against every known digest.

    Raises ProtocolViolation if it is not a manifest, InvalidContent if it is a different one.
    """
    if is_html(answer):
        raise violation(answer, "a manifest")
    if len(answer.body) > MAX_MANIFEST_SIZE:
        raise violation(answer, f"a manifest of at most {MAX_MANIFEST_SIZE} bytes")
    for digest in (Digest.parse(name) if ":" in name else None, _content_digest(answer)):
        if digest:
            _verify(answer, digest)
    known = (*media_type.MANIFESTS, *media_type.INDEXES)
    declared = answer.content_type if answer.content_type in known else None
    try:
        return parse_manifest(answer.body, declared, _algorithm(name))
    except InvalidContent as error:
        raise InvalidContent(f"{error} ({answer.request})") from None


def _algorithm(name: str) -> str:
    """The algorithm of the digest `name`; SHA-256 for a tag."""
    return Digest.parse(name).algorithm if ":" in name else DEFAULT_ALGORITHM


def check_stored(answer: Response, content: Manifest | ImageIndex) -> None:
    """Raise ProtocolViolation if the registry reports that it stored something else."""
    found, expected = _content_digest(answer), content.descriptor.digest
    if found and found.algorithm == expected.algorithm and found != expected:
        raise violation(answer, f"the manifest {expected} to be stored, not {found}")
    if answer.status == 200 and (is_html(answer) or not found):
        raise violation(answer, "201 after storing a manifest")


def _content_digest(answer: Response) -> Digest | None:
    text = answer.headers.get("docker-content-digest")
    try:
        digest = Digest.parse(text) if text else None
    except InvalidInput:
        raise violation(answer, f"a digest in Docker-Content-Digest, not {len(text or '')} other characters") from None
    if digest and _holds_secret(answer, digest):
        raise violation(answer, "a digest in Docker-Content-Digest, not a secret that the registry received")
    return digest


def _holds_secret(answer: Response, digest: Digest) -> bool:
    """Whether the digits of a digest encode a secret. Few real digests contain that much text, so this is cheap."""
    scrubber = answer.request.scrubber
    if scrubber is None or not _TEXT.search(bytes.fromhex(digest.hex)):
        return False
    return scrubber.finds(digest.hex, _SHORTEST_IN_DIGEST)


def _verify(answer: Response, expected: Digest) -> None:
    found = hashlib.new(expected.algorithm, answer.body).hexdigest()
    if found != expected.hex:
        raise InvalidContent(
            f"expected the manifest {expected}, got content of {expected.algorithm}:{found} ({answer.request})."
        )
