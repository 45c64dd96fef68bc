"""Many hosts on this machine: names with loopback addresses that are as private as a test needs.

A server listens at every address, and records at which address each request arrived, whatever its name and headers say.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Callable

from ocikit.registry.address_policy import Privacy
from ocikit.registry.connector import Connector
from ocikit.registry.dial import Address
from ocikit.testing.fake_http import FakeAnswer, Incoming, to_bytes

# 127.0.(PRIVACY + 1).N is an address of that privacy.
ADDRESSES: Mapping[Privacy, str] = {privacy: f"127.0.{privacy + 1}.1" for privacy in Privacy}


def fake_privacy(address: str) -> Privacy:
    return Privacy(int(address.split(".")[2]) - 1)


@dataclass(frozen=True)
class Received:
    """A received request; `at`: the address of this machine at which it arrived."""

    at: str
    line: str
    headers: Mapping[str, str]


class FakeHosts:
    """A server and its names. `names`: the addresses of each name, or a function that returns them at each look-up.

    `answer` returns the response to a request; by default, every response is 404.
    """

    def __init__(
        self,
        names: Mapping[str, Iterable[str]] | Callable[[str], Iterable[str]],
        answer: Callable[[Received], FakeAnswer] = lambda received: FakeAnswer(404),
    ) -> None:
        self._names = names
        self._answer = answer
        self._listener = socket.create_server(("0.0.0.0", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.received: list[Received] = []
        self.looked_up: list[tuple[str, int]] = []
        self.connections = 0

    def connector(self, home: str = "", trusted: Iterable[tuple[str, int | None]] = ()) -> Connector:
        return Connector(home, trusted, ask=self._ask, privacy=fake_privacy)

    def _ask(self, host: str, port: int, flags: int) -> list[Address]:
        self.looked_up.append((host, port))
        addresses = tuple(self._names(host) if callable(self._names) else self._names.get(host, ()))
        if not addresses:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, self.port)) for address in addresses]

    def __enter__(self) -> FakeHosts:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        at = connection.getsockname()[0]
        with connection, connection.makefile("rb") as stream:
            # Other protocols, such as TLS, may send no line to read.
            while stream.peek(1)[:1].isalpha():
                words = stream.readline(65536).decode("latin-1").split(" ")
                incoming = Incoming(connection, stream, words[0], words[1])
                incoming.read_body()
                received = Received(at, incoming.line, incoming.headers)
                self.received.append(received)
                connection.sendall(to_bytes(self._answer(received), incoming.method))
