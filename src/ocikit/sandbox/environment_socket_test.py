from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.sandbox.environment_socket import VARIABLE, environment_from_socket, read_all


@contextmanager
def saying(document: bytes, callers: int = 1) -> Iterator[str]:
    """Serve `document` to a number of callers; yields the path of the socket."""
    # pytest's own folders have names that are too long for a socket.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = str(Path(folder, "socket"))
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            for _ in range(callers):
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(document)

        thread = threading.Thread(target=serve)
        thread.start()
        yield path
        thread.join()


def test_without_a_socket_there_is_nothing() -> None:
    assert environment_from_socket({"PATH": "/bin"}) == {}


def test_everything_is_read() -> None:
    secret = "s" * 1_000_000
    with saying(b'{"NAME": "' + secret.encode() + b'"}') as path:
        assert environment_from_socket({VARIABLE: path}) == {"NAME": secret}


def test_a_missing_socket(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match="variables from Pants cannot be read from .*missing.*No such file.*run it again"
    ):
        environment_from_socket({VARIABLE: str(tmp_path / "missing")})


def test_a_socket_of_another_program() -> None:
    with saying(b"HTTP/1.1 400") as path, pytest.raises(InvalidContent, match="is not JSON"):
        environment_from_socket({VARIABLE: path})


def test_a_slow_sender_times_out() -> None:
    ours, theirs = socket.socketpair()
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.02):
            theirs.sendall(b" ")

    thread = threading.Thread(target=drip)
    thread.start()
    started = time.monotonic()
    with ours, pytest.raises(socket.timeout):
        read_all(ours, 0.3)
    ended.set()
    thread.join()
    theirs.close()
    assert time.monotonic() - started < 20
