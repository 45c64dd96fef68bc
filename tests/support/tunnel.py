"""A tunnel to a server that counts the bytes of each direction at the wire, and can be slow, or collapse."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_BLOCK = 64 * 1024


class Tunnel:
    """A tunnel from `port` to the server's. `up` and `down`: bytes so far to and from the server."""

    def __init__(self, server: int) -> None:
        self.up = 0
        self.down = 0
        # The tunnel collapses after this many more bytes from the server.
        self.collapses_after: int | None = None
        self._server = server
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def address(self) -> str:
        return f"grpc://127.0.0.1:{self.port}"

    def collapse(self) -> None:
        """Cut every connection, and refuse new ones."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for end in self._ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            self._ends.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._server))
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._ends += [client, server]
                threading.Thread(target=self._carry, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._carry, args=(server, client, True), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, down: bool) -> None:
        with suppress(OSError):
            while data := source.recv(_BLOCK):
                if self._counted(len(data), down):
                    self.collapse()
                    return
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _counted(self, size: int, down: bool) -> bool:
        """Count bytes, and return whether the tunnel must collapse."""
        with self._lock:
            if not down:
                self.up += size
                return False
            self.down += size
            if self.collapses_after is None:
                return False
            self.collapses_after -= size
            return self.collapses_after < 0


@contextmanager
def tunnel(server: int) -> Iterator[Tunnel]:
    """Run a tunnel to the server at this port of the machine, within a `with`."""
    running = Tunnel(server)
    try:
        yield running
    finally:
        running.collapse()
