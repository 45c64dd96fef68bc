"""An isolated network on this machine, with any addresses and names: nothing in it can be reached from outside.

Servers of this process listen in it; `Network.within` starts programs in it. It needs root.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import socket
import struct
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, TypeVar

from support.commands import run
from support.hostile_server import listen

_CLONE_NEWNET = 0x40000000
_NAME_SERVER = "127.0.0.53"
_TYPE_A = 1
_NUMBERS = itertools.count()
_T = TypeVar("_T")


class Network:
    """An isolated network. `addresses` are those of this machine in it, besides those of loopback.

    `names`: addresses by name, in a hosts file. `changing`: names that a name server resolves; each look-up returns the
    next address, and finally the last one every time.
    """

    def __init__(
        self, addresses: Iterable[str], names: Mapping[str, Sequence[str]], changing: Mapping[str, Sequence[str]]
    ) -> None:
        self._name = f"hostile-{os.getpid()}-{next(_NUMBERS)}"
        self._addresses = tuple(addresses)
        self._names = names
        self._changing = {name: list(found) for name, found in changing.items()}
        self._files = Path("/etc/netns", self._name)
        self.within = ("ip", "netns", "exec", self._name)

    def __enter__(self) -> Network:
        run("ip", "netns", "add", self._name)
        run("ip", "-n", self._name, "link", "set", "lo", "up")
        for address in self._addresses:
            run("ip", "-n", self._name, "address", "add", address, "dev", "lo")
        self._files.mkdir(parents=True)
        lines = [f"{address} {name}\n" for name, found in self._names.items() for address in found]
        (self._files / "hosts").write_text("".join(["127.0.0.1 localhost\n::1 localhost\n", *lines]))
        (self._files / "resolv.conf").write_text(f"nameserver {_NAME_SERVER}\noptions timeout:1 attempts:1\n")
        self._server = self._within(_bound_name_server)
        threading.Thread(target=self._answer_questions, daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        # Its thread waits for a question: send one.
        self._within(lambda: _wake(self._server))
        run("ip", "netns", "delete", self._name)
        shutil.rmtree(self._files)

    def listen(self, host: str, port: int) -> socket.socket:
        return self._within(lambda: listen(host, port))

    def address_of(self, host: str) -> str:
        return self._names.get(host, (host,))[0]

    def _within(self, make: Callable[[], _T]) -> _T:
        """Call in a thread that is in the network; a socket stays in the network in which it was created."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._enter_and, make).result()

    def _enter_and(self, make: Callable[[], _T]) -> _T:
        with open(f"/run/netns/{self._name}", "rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        return make()

    def _answer_questions(self) -> None:
        with self._server as server:
            while True:
                question, sender = server.recvfrom(512)
                if not question:
                    return
                server.sendto(self._answer(question), sender)

    def _answer(self, question: bytes) -> bytes:
        """The response to one question, with a pointer to its name. Spec: RFC 1035, section 4."""
        labels, at = [], 12
        while size := question[at]:
            labels.append(question[at + 1 : at + 1 + size].decode("latin-1"))
            at += size + 1
        (kind,) = struct.unpack_from("!H", question, at + 1)
        found = self._changing.get(".".join(labels).lower(), [])
        address = (found.pop(0) if len(found) > 1 else found[0]) if found and kind == _TYPE_A else ""
        answer = struct.pack("!HHHIH", 0xC00C, _TYPE_A, 1, 0, 4) + socket.inet_aton(address) if address else b""
        flags = 0x8180 if found else 0x8183
        return question[:2] + struct.pack("!HHHHH", flags, 1, bool(address), 0, 0) + question[12 : at + 5] + answer


def _bound_name_server() -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((_NAME_SERVER, 53))
    return server


def _wake(server: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"", server.getsockname())
