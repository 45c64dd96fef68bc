"""Faults and deviations that a fake registry can have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from threading import Lock
from typing import TypeVar, Union


@dataclass(frozen=True)
class Refusal:
    """Answer `status` to requests with `pattern` in "METHOD /path?query", `times` times (None: always).

    The first `skip` of these requests are let through. `{path}` in a header is the request's path with its query.
    """

    pattern: str
    status: int
    times: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"refused by the test"
    skip: int = 0


class Break(Enum):
    """What can happen to a request on the network."""

    REFUSED = "the registry is gone, as in a restart: no connection lives, and no new one is accepted"
    RESET = "the connection is reset before the request is acted on"
    RESET_IN_BODY = "the connection is reset when half of the request's body was read"
    LOST = "the request is acted on, and the connection is closed without an answer"
    STALLED = "no answer comes, and the connection stays open"
    TRUNCATED = "the request is acted on, and half of the answer's bytes come"
    UNAUTHORIZED = "401 with the usual challenge, whatever the request brought along"
    WRONG_DIGEST = "the request is acted on, and the answer names another digest"


@dataclass(frozen=True)
class Disturbance:
    """Let `what` happen to requests with `pattern` in "METHOD /path?query"; `times` and `skip` as in Refusal."""

    pattern: str
    what: Break
    times: int | None = 1
    skip: int = 0


@dataclass(frozen=True)
class Faults:
    """The faults and deviations of a fake registry. Sizes are bytes of a body."""

    refusals: tuple[Refusal, ...] = ()
    disturbances: tuple[Disturbance, ...] = ()
    read_only: bool = False  # 405 and plain text to everything that writes
    html: bool = False  # 200 and a page to everything
    immutable_tags: bool = False
    delay_seconds: float = 0.0  # before every answer
    warning: str = ""  # the text of a Warning header in every answer
    busy_above: int | None = None  # 429 while more requests than these are answered at a time
    # Blobs
    no_mount: bool = False
    mount_anywhere: bool = False  # a mount may leave out `from`
    no_single_post: bool = False  # 202 to POST with a digest: the client must send the blob again
    relative_location: bool = False
    uploads_at: str = ""  # Location of an upload is at this address, "http://host:port"
    redirect_uploads: str = ""  # PATCH and PUT of a blob are sent to this address with 307
    redirect_blobs: str = ""  # GET of a blob is sent to this address
    require_chunks: bool = False  # 405 to a blob in one PUT
    least_chunk: int = 0  # OCI-Chunk-Min-Length
    max_body: int | None = None  # 413 above it
    drop_download_after: int | None = None
    drop_upload_after: int | None = None
    # Manifests
    unchecked_manifests: bool = False  # accepted although something that they refer to is missing
    multi_tag: bool = False  # PUT by digest accepts ?tag=a&tag=b and confirms it in OCI-Tag
    no_referrers: bool = False  # 404, and no OCI-Subject
    wrong_digest: bool = False  # in Docker-Content-Digest
    no_digest: bool = False  # no Docker-Content-Digest


NO_FAULTS = Faults()

_Counted = TypeVar("_Counted", bound=Union[Refusal, Disturbance])


class Counter:
    """Counts how often each refusal and disturbance has matched a request."""

    def __init__(self) -> None:
        self._met: dict[Refusal | Disturbance, int] = {}
        self._lock = Lock()

    def fired(self, item: Refusal | Disturbance) -> int:
        return max(self._met.get(item, 0) - item.skip, 0)

    def due(self, items: Iterable[_Counted], line: str) -> _Counted | None:
        """The first of `items` that applies to `line`, "METHOD /path?query"."""
        with self._lock:
            for item in items:
                if not re.search(item.pattern, line):
                    continue
                met = self._met.get(item, 0)
                if item.times is not None and met >= item.skip + item.times:
                    continue
                self._met[item] = met + 1
                if met >= item.skip:
                    return item
        return None
