"""Slow servers: each wait has a limit, and so have all waits of a run together; Ctrl-C ends any.

libfaketime makes the client's clock twenty times as fast: it is the real client with its real limits. A run may wait
for ten minutes in total, which are half a minute here; a server that holds it for more than thirteen has succeeded.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Callable, Union

import certifi
import pytest

from hostile import sandbox
from hostile.contents import ImageParts, descriptor
from hostile.rows import ENDS, FILES, INTERRUPTED, PULL, PUSH, SUCCEEDS, Row, Scene, table
from ocikit.spec import media_type
from ocikit.spec.digest import Digest
from ocikit.testing.fake_http import FakeAnswer
from ocikit.testing.fake_registry import Faults
from ocikit.testing.images import tiny_layout
from support.client_process import Ran
from support.hostile_server import Received, Reply, dripping, raw_answer, right_answer

SPEED = 20
# The client's 800 seconds on the server's clock.
DEADLINE = 800 / SPEED
# A byte every two seconds, as in the report of the fault.
DRIP = 2 / SPEED
# Almost the limit of silence.
LONG = 50 / SPEED
IMMEDIATELY = 5.0
LARGE = os.urandom(8 * 1024 * 1024)

Part = Union[bytes, float]


def without_end(part: bytes, pause: float = DRIP, before: bytes = b"") -> Iterator[Part]:
    """Yield something, and then parts without end."""
    yield before
    while True:
        yield part
        yield pause


def on(pattern: str, make: Callable[[], Reply]) -> Callable[[Scene], None]:
    """Answer each request from the beginning."""
    return lambda scene: scene.on(pattern, lambda request: make())


def silence() -> Iterator[Part]:
    yield 3600.0


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LONG_BODY = OK + b"Content-Length: 1000000\r\n\r\n"
REFUSED = b"HTTP/1.1 403 No\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MANIFEST = "/v2/image/manifests/"
BLOB = "GET /v2/image/blobs/"
UPLOAD = "PUT /v2/pushed/blobs/uploads/"

# Responses by their slow part.
ANSWERS: dict[str, Callable[[], Iterable[Part]]] = {
    "silence": silence,
    "status-line": partial(without_end, b"a", before=b"HTTP/1.1 200 "),
    "before-the-status-line": partial(without_end, b"\r\n"),
    "header": partial(without_end, b"a", before=OK + b"X: "),
    "headers": partial(without_end, b"X: y\r\n", before=OK),
    "headers-almost-silent": partial(without_end, b"X: y\r\n", LONG, OK),
    "continue": partial(without_end, CONTINUE),
    "continue-with-headers": partial(without_end, b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"),
    "early-hints": partial(without_end, b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "continue-at-full-speed": partial(without_end, CONTINUE * 100, 0.001),
    "body": partial(without_end, b"{", before=LONG_BODY),
    "body-almost-silent": partial(without_end, b"{", LONG, LONG_BODY),
    "body-without-length": partial(without_end, b"{", before=OK + b"\r\n"),
    "chunks": partial(without_end, b"1\r\na\r\n", before=CHUNKED),
    "chunk-s-size": partial(without_end, b"0", before=CHUNKED),
    "chunk-s-extension": partial(without_end, b"a", before=CHUNKED + b"1;"),
    "trailers": partial(without_end, b"X: y\r\n", before=CHUNKED + b"1\r\na\r\n0\r\n"),
    "trailers-at-full-speed": partial(without_end, b"X: y\r\n" * 100, 0.001, CHUNKED + b"1\r\na\r\n0\r\n"),
    "error": partial(without_end, b" ", before=REFUSED),
}
IN_STREAMS = ("silence", "headers", "body", "body-almost-silent", "chunks", "chunk-s-extension", "trailers")


def rows() -> Iterator[Row]:
    for name, make in ANSWERS.items():
        yield Row(f"manifest-{name}", on(MANIFEST, make), PULL)
    for name in IN_STREAMS:
        yield Row(f"blob-{name}", on(BLOB, ANSWERS[name]), PULL)
    for name in ("silence", "headers", "body", "trailers", "error"):
        yield Row(f"token-{name}", partial(token, ANSWERS[name]), PULL)
    yield Row("layer-read-for-its-files", on(f"{BLOB}.*", ANSWERS["body"]), FILES)
    yield Row("upload-silence", on(UPLOAD, silence), PUSH)
    yield Row("upload-continue", on(UPLOAD, ANSWERS["continue"]), PUSH)
    yield Row("upload-begun-slowly", on("POST /v2/pushed/", ANSWERS["headers"]), PUSH)
    yield Row("upload-never-read", never_read, PUSH_LARGE)
    yield Row("upload-read-by-drops", partial(read_slowly, 1, DRIP), PUSH_LARGE)
    yield Row("upload-read-slowly", partial(read_slowly, 16 * 1024, 20 / SPEED), PUSH_LARGE)
    yield Row("manifest-put-slowly", on("PUT /v2/pushed/manifests/", ANSWERS["headers"]), PUSH)
    yield Row("redirects", slow_redirects, PULL)
    yield Row("retry-after", on(MANIFEST, lambda: FakeAnswer(429, {"Retry-After": "59"})), PULL)
    yield Row("retry-after-without-end", on(MANIFEST, lambda: FakeAnswer(429, {"Retry-After": "9" * 400})), PULL)
    yield Row(
        "retry-after-a-date",
        on(MANIFEST, lambda: FakeAnswer(503, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"})),
        PULL,
    )
    yield Row("closed-immediately", on(MANIFEST, lambda: b""), PULL)
    yield Row("never-accepted", never_accepted, ("inspect", "$full/image:1"))
    yield Row("many-requests-each-slow", many_images, PULL)
    yield Row("many-requests-each-busy", partial(many_images, busy=True), PULL)
    yield Row("tls-silence", partial(no_tls, silence), LOCK, ENDS)
    yield Row("tls-record", partial(no_tls, partial(without_end, b"\0", before=b"\x16\x03\x03\x40\x00")), LOCK, ENDS)
    yield Row("tls-alerts", partial(no_tls, partial(without_end, ALERT)), LOCK, ENDS)
    yield Row("tls-alerts-at-full-speed", partial(no_tls, partial(without_end, ALERT * 100, 0.001)), LOCK, ENDS)
    yield Row("survey", partial(survey, ANSWERS["headers"]), ("survey", "request.json"), ENDS)
    yield Row("lock", partial(lock, ANSWERS["body"]), LOCK, ENDS)
    yield Row("base", partial(base, ANSWERS["headers"]), ("base", "request.json"))
    # Slow servers that work.
    yield Row("slow-line", slow_line, PULL, SUCCEEDS)
    yield Row("slow-line-for-uploads", partial(read_slowly, 64 * 1024, 1 / SPEED), PUSH_LARGE, SUCCEEDS)
    yield Row("thinks-for-a-while", partial(thinks, UPLOAD), PUSH, SUCCEEDS)
    yield Row("busy-for-a-moment", busy_for_a_moment, PULL, SUCCEEDS)


LOCK = ("lock", "request.json")
# A warning alert, "user_canceled", on which a client does not stop (RFC 5246, section 7.2).
ALERT = b"\x15\x03\x03\x00\x02\x01\x5a"
PUSH_LARGE = ("push", "large:1", "$registry/pushed:1")


def token(make: Callable[[], Iterable[Part]], scene: Scene) -> None:
    scene.login("token")
    scene.on("/token", lambda request: make())


def with_large_layout(scene: Scene) -> None:
    tiny_layout(scene.work / "large", {"large": LARGE}, "1")
    scene.registry.hold_little()
    scene.registry.reads_bodies = False


def never_read(scene: Scene) -> None:
    with_large_layout(scene)
    scene.on(UPLOAD, lambda request: silence())


def read_slowly(size: int, pause: float, scene: Scene) -> None:
    """Read the body of an upload, `size` bytes at a time, and store it."""
    with_large_layout(scene)

    def answer(request: Received) -> Iterator[Part]:
        body = bytearray()
        left = int(request.headers["content-length"])
        while len(body) < left:
            yield pause
            body += request.read_part(min(size, left - len(body)))
        request.body = bytes(body)
        yield raw_answer("201 Created", {"Content-Length": "0", "Docker-Content-Digest": digest_of(request)})

    def digest_of(request: Received) -> str:
        digest = request.target.rpartition("digest=")[2].replace("%3A", ":")
        scene.contents.repositories["pushed"].blobs[digest] = request.body
        return digest

    def others(request: Received) -> Reply:
        request.read_body()
        return right_answer(scene.contents, request)

    scene.on(UPLOAD, answer)
    scene.on("", others)


def slow_redirects(scene: Scene) -> None:
    def answer(request: Received) -> Iterator[Part]:
        yield LONG
        yield raw_answer("307 There", {"Location": f"{request.target}x", "Content-Length": "0"})

    scene.on(BLOB, answer)


def never_accepted(scene: Scene) -> None:
    """A listening port with a full backlog: the kernel does not respond to new connections."""
    listener, *waiting = [scene.kept.enter_context(socket.socket()) for _ in range(5)]
    listener.bind(("127.0.0.3", 0))
    listener.listen(0)
    for connection in waiting:
        connection.setblocking(False)
        connection.connect_ex(listener.getsockname())
    scene.names["full"] = f"127.0.0.3:{listener.getsockname()[1]}"


def many_images(scene: Scene, busy: bool = False) -> None:
    """An index of many images: the client requests each, and each response is within every limit of its own."""
    images = [ImageParts(config_members={"author": str(number)}) for number in range(60)]
    for image in images:
        image.put(scene.contents)
    children = [descriptor(image.manifest, media_type.OCI_MANIFEST) for image in images]
    index = json.dumps({"schemaVersion": 2, "mediaType": media_type.OCI_INDEX, "manifests": children}).encode()
    digest = str(Digest.of(index))
    scene.contents.repositories["image"].manifests[digest] = (media_type.OCI_INDEX, index)
    scene.contents.repositories["image"].tags["1"] = digest
    seen: set[str] = set()

    def answer(request: Received) -> Iterator[Part]:
        if busy and request.target not in seen:
            seen.add(request.target)
            yield raw_answer("429 Busy", {"Retry-After": "55", "Content-Length": "0"})
            return
        yield 0.0 if busy else LONG
        found = right_answer(scene.contents, request)
        size = {"Content-Length": str(len(found.body)), "Connection": "close"}
        yield raw_answer(
            f"{found.status} X", {**found.headers, **size}, b"" if request.method == "HEAD" else found.body
        )

    scene.login("none")
    scene.on("/v2/image/manifests/sha256", answer)


def survey(make: Callable[[], Iterable[Part]], scene: Scene) -> None:
    sandbox.survey(scene)
    scene.on("/v2/image/", lambda request: make())


def lock(make: Callable[[], Iterable[Part]], scene: Scene) -> None:
    sandbox.lock(scene)
    scene.on("GET /v2/image/", lambda request: make())


def no_tls(make: Callable[[], Iterable[Part]], scene: Scene) -> None:
    """Send other bytes in place of a TLS handshake."""

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            for part in make():
                if isinstance(part, bytes):
                    connection.sendall(part)
                elif ended.wait(part):
                    return

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    ended = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    scene.kept.callback(ended.set)
    scene.kept.callback(listener.close)
    scene.kept.callback(listener.shutdown, socket.SHUT_RDWR)
    threading.Thread(target=accept, daemon=True).start()
    scene.names["tls"] = f"127.0.0.1:{listener.getsockname()[1]}"
    # `ca_file` makes the client use TLS, even on this machine.
    registries = {"$tls": {"ca_file": certifi.where()}}
    scene.write("request.json", {"references": ["$tls/image:1"], "only_digests": False, "registries": registries})


def base(make: Callable[[], Iterable[Part]], scene: Scene) -> None:
    sandbox.base(scene)
    scene.on("GET /v2/image/", lambda request: make())


def slow_line(scene: Scene) -> None:
    """Send 4 KiB a second, on the client's clock."""
    image = ImageParts([os.urandom(256 * 1024)], diff_ids=[sandbox.OTHER_DIGEST])
    image.put(scene.contents)
    layer = str(Digest.of(image.layers[0]))

    def answer(request: Received) -> Iterator[Part]:
        yield raw_answer("200 OK", {"Content-Length": str(len(image.layers[0]))})
        yield from dripping(image.layers[0], 1 / SPEED, 4096)

    scene.login("none")
    scene.on(f"{BLOB}{layer}", answer)


def thinks(pattern: str, scene: Scene) -> None:
    """A registry that reads a layer again before it confirms it."""

    def answer(request: Received) -> Iterator[Part]:
        found = right_answer(scene.contents, request)
        yield LONG
        yield raw_answer(f"{found.status} X", {**found.headers, "Content-Length": "0"})

    scene.on(pattern, answer)


def busy_for_a_moment(scene: Scene) -> None:
    scene.contents.faults = Faults()
    asked = threading.Semaphore(3)

    def answer(request: Received) -> FakeAnswer:
        if asked.acquire(blocking=False):
            return FakeAnswer(429, {"Retry-After": "5"})
        return right_answer(scene.contents, request)

    scene.on(MANIFEST, answer)


def interruptions() -> Iterator[Row]:
    """Rows of Ctrl-C in the middle of a wait, with an unchanged clock."""
    for name, prepare, command, asked in (
        ("silence", on(MANIFEST, silence), PULL, "manifests"),
        ("headers", on(MANIFEST, partial(without_end, b"X: y\r\n", 0.2, OK)), PULL, "manifests"),
        ("blob", on(BLOB, partial(without_end, b"{", 0.2, LONG_BODY)), PULL, "blobs"),
        ("pause", on(MANIFEST, lambda: FakeAnswer(429, {"Retry-After": "50"})), PULL, "manifests"),
        ("upload", never_read, PUSH_LARGE, "PUT"),
        ("token", partial(token, silence), PULL, "/token"),
        ("survey", partial(survey, silence), ("survey", "request.json"), "manifests"),
        ("lock", partial(lock, silence), ("lock", "request.json"), "manifests"),
    ):
        yield Row(
            f"interrupted-{name}",
            prepare,
            command,
            INTERRUPTED,
            interrupted=partial(was_asked, asked),
            seconds=IMMEDIATELY,
            waits=True,
            after=nothing_unfinished,
        )


def was_asked(part: str, scene: Scene) -> bool:
    return any(part in line for line in scene.registry.lines)


def nothing_unfinished(scene: Scene, ran: Ran) -> Iterator[str]:
    """An interrupted command leaves no partial file behind."""
    left = [path.name for path in scene.work.rglob("*") if path.is_file() and ".tmp" in path.name]
    if left:
        yield f"files: left behind: {left}"


def with_speed(row: Row) -> Row:
    settings: dict[str, Any] = {"speed": SPEED, "seconds": DEADLINE, "waits": True}
    return Row(**{**vars(row), **settings})


@pytest.mark.parametrize("row", table([*map(with_speed, rows()), *interruptions()]))
def test_waits_end(row: Row, check: Callable[[Row], None]) -> None:
    check(row)
