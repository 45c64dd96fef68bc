"""The distribution specification as functions: each endpoint's request, and what its answer says.

`at` is the address of a repository: `https://registry.example/v2/shop/web`.
Spec: distribution-spec v1.1.1, "Endpoints".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from ocikit import media_type
from ocikit.descriptor import Descriptor
from ocikit.digest import DEFAULT_ALGORITHM, Digest
from ocikit.errors import InvalidContent, InvalidInput
from ocikit.manifest import ImageIndex, Manifest, parse_manifest
from ocikit.registry.exchange import Answer, Request, StreamedBody, is_loopback, location_of
from ocikit.registry.failure import is_html, violation
from ocikit.whole_number import whole_number

# distribution-spec v1.1.1, "Pushing Manifests": registries should take 4 MiB, so nobody sends more.
MAX_MANIFEST_SIZE = 4 * 1024 * 1024

_ACCEPT = ", ".join((*media_type.INDEXES, *media_type.MANIFESTS))
_RANGE = re.compile(r"(?:bytes[ =])?0-([0-9]{1,18})")
_SHORTEST_IN_DIGEST = 8
_TEXT = re.compile(rb"[ -~]{%d}" % _SHORTEST_IN_DIGEST)
_OCTETS = "application/octet-stream"
# What answers several tags in one PUT where they are not taken; too many are 414 or 431.
NO_TAGS = (400, 404, 405, 414, 431, 501)
# distribution-spec (main, 2026): registries should take as many.
MAX_TAGS = 10
# What answers the upload of a blob in one piece where only pieces are taken: no such route, not
# allowed, too large for a proxy, not implemented.
WANTS_PIECES = (404, 405, 413, 501)
# nginx takes 1 MiB unless told otherwise.
PIECE_SIZES = (16 * 1024 * 1024, 960 * 1024)
# A registry may ask for larger ones, which are in memory for every connection; those that do ask for 5 MiB to 10 MiB.
_LARGEST_PIECE = PIECE_SIZES[0]


def address(registry: str, scheme: str | None, insecure: bool) -> str:
    """Where a registry (host[:port]) is spoken to: `https://host`, or http where nobody listens in.

    `scheme` is the caller's word; without it plain http is for loopback and for `insecure`.
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
    """Spec: "Pushing Manifests"; `tags`: of main, 2026, endpoint 7b, with a digest as `name`."""
    query = "?" + urlencode([("tag", tag) for tag in tags]) if tags else ""
    url = f"{at}/manifests/{quote(name, safe=':')}{query}"
    return Request("PUT", url, {"Content-Type": content.media_type}, content.data, private=True)


def confirmed_tags(answer: Answer, asked: Sequence[str]) -> frozenset[str]:
    """Those of the tags in one PUT that the registry says it set, in `OCI-Tag` headers."""
    named = answer.headers.get("oci-tag", "").split(",")
    return frozenset(asked) & {name.strip() for name in named}


def blob(method: str, at: str, digest: Digest) -> Request:
    """HEAD, or GET whose answer is a stream. Spec: "Pulling blobs"."""
    return Request(method, f"{at}/blobs/{digest}", streamed=method == "GET")


def start_upload(at: str) -> Request:
    """Spec: "POST then PUT". The answer may say that another server is to be sent the blob."""
    return Request("POST", f"{at}/blobs/uploads/", private=True)


def mount(at: str, digest: Digest, source: str) -> Request:
    """Take a blob over from the repository `source` (its path), else start an upload.

    Spec: "Mounting a blob from another repository".
    """
    query = urlencode({"mount": str(digest), "from": source})
    return Request("POST", f"{at}/blobs/uploads/?{query}", private=True)


def upload_status(location: str) -> Request:
    """What arrived so far. Spec: "Pushing a blob in chunks"."""
    return Request("GET", location)


def cancel_upload(location: str) -> Request:
    """Spec (main, 2026): "Canceling a blob upload"."""
    return Request("DELETE", location, once=True)


def send_piece(location: str, start: int, piece: bytes) -> Request:
    """The bytes of a blob from `start` on. Spec: "Pushing a blob in chunks"."""
    span = f"{start}-{start + len(piece) - 1}"
    return Request("PATCH", location, {"Content-Type": _OCTETS, "Content-Range": span}, piece, once=True)


def finish_upload(location: str, blob: Descriptor, body: bytes | StreamedBody) -> Request:
    """End an upload, with all of its bytes (one piece) or none (they were sent before)."""
    query = urlencode({"digest": str(blob.digest)})
    url = f"{location}{'&' if '?' in location else '?'}{query}"
    return Request("PUT", url, {"Content-Type": _OCTETS}, body, once=True, stores=blob.size)


def next_piece_size(status: int, blob_size: int, tried: int | None) -> int | None:
    """How to send a blob after `status` refused it: bytes per piece, or None where all was tried.

    `tried` is the last size of a piece, None for the blob in one.
    """
    if tried and status != 413:
        return None
    limit = tried or (blob_size if status == 413 else None)
    smaller = (size for size in PIECE_SIZES if limit is None or size < limit)
    return next(smaller, None)


def least_piece_size(answer: Answer) -> int:
    """Bytes that each piece but the last must have. Spec: "Pushing a blob in chunks"."""
    # A piece is kept in memory; who wants larger ones gets ones that are too small, and says so.
    return min(whole_number(answer.headers.get("oci-chunk-min-length", "")) or 0, _LARGEST_PIECE)


def received(answer: Answer) -> int:
    """How many bytes of an upload the registry has, as the header `Range: 0-LAST` of its status says.

    Registries say "0-0" where nothing arrived.

    >>> received(Answer(upload_status(""), 204, {"range": "0-99"}))
    100
    """
    found = _RANGE.fullmatch(answer.headers.get("range", "").strip())
    last = int(found[1]) if found else 0
    return last + 1 if last else 0


def upload_location(answer: Answer) -> str:
    """Where the upload goes on: `Location`, absolute or relative, query and all."""
    location = answer.headers.get("location")
    if not location:
        raise violation(answer, "a Location header that says where to upload")
    return location_of(answer, location)


def read_description(answer: Answer, name: str) -> Descriptor | None:
    """The descriptor that the answer to HEAD of a manifest gives, None where a header is missing.

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


def read_manifest(answer: Answer, name: str) -> Manifest | ImageIndex:
    """The content that GET of a manifest brought, verified against every digest that is known.

    Raises ProtocolViolation where it is none, InvalidContent where it is another.
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
    """Of the digest that a manifest is asked for by; what a tag names is called by its SHA-256."""
    return Digest.parse(name).algorithm if ":" in name else DEFAULT_ALGORITHM


def check_stored(answer: Answer, content: Manifest | ImageIndex) -> None:
    """Raise ProtocolViolation if the registry says that it stored something else."""
    found, wanted = _content_digest(answer), content.descriptor.digest
    if found and found.algorithm == wanted.algorithm and found != wanted:
        raise violation(answer, f"the manifest {wanted} to be stored, not {found}")
    if answer.status == 200 and (is_html(answer) or not found):
        raise violation(answer, "201 after storing a manifest")


def _content_digest(answer: Answer) -> Digest | None:
    text = answer.headers.get("docker-content-digest")
    try:
        digest = Digest.parse(text) if text else None
    except InvalidInput:
        raise violation(answer, f"a digest in Docker-Content-Digest, not {len(text or '')} other characters") from None
    if digest and _holds_secret(answer, digest):
        raise violation(answer, "a digest in Docker-Content-Digest, not what the registry was told")
    return digest


def _holds_secret(answer: Answer, digest: Digest) -> bool:
    """Whether the digits of a digest write a secret. Few real ones have as much text in them, so this costs nothing."""
    scrubber = answer.request.scrubber
    if scrubber is None or not _TEXT.search(bytes.fromhex(digest.hex)):
        return False
    return scrubber.finds(digest.hex, _SHORTEST_IN_DIGEST)


def _verify(answer: Answer, wanted: Digest) -> None:
    found = hashlib.new(wanted.algorithm, answer.body).hexdigest()
    if found != wanted.hex:
        raise InvalidContent(
            f"wanted the manifest {wanted}, found content of {wanted.algorithm}:{found} ({answer.request})."
        )
