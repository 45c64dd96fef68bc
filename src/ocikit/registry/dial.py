"""Connect to a host: look up its name and try its addresses, within one deadline.

Only this module opens sockets to hosts.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

from urllib3.util.connection import allowed_gai_family

from ocikit.registry.deadline import share

# As `socket.getaddrinfo` returns it: family, kind, protocol, name, and the argument of `connect`.
Address = tuple[Any, ...]
MakeSocket = Callable[[int, int, int], socket.socket]
# Host, port and flags of `socket.getaddrinfo`.
Ask = Callable[[str, int, int], "list[Address]"]


class Route(NamedTuple):
    """Where a connection may go.

    `find` returns the addresses within so many seconds, `reached` is called with the one that accepted.
    """

    find: Callable[[float], list[Address]]
    reached: Callable[[Address], None]


class LookUpTimeout(OSError):
    """No name server responded in time."""


def dial(
    find: Callable[[], Sequence[Address]],
    seconds: float,
    make_socket: MakeSocket = socket.socket,
    options: Sequence[tuple[Any, ...]] = (),
) -> tuple[socket.socket, Address]:
    """Connect to the first address that accepts; return the socket and the address. `seconds` include `find`.

    `options`: arguments of `setsockopt`. Raises what `find` raises, socket.timeout, and the OSError of the last
    address.
    """
    deadline = time.monotonic() + seconds
    addresses = find()
    failure: OSError = socket.timeout("no time was left to connect")
    for number, address in enumerate(addresses):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            return _connect(address, share(left, len(addresses) - number), make_socket, options), address
        except OSError as error:
            failure = error
    raise failure


def look_up(host: str, port: int, seconds: float, ask: Ask | None = None) -> list[Address]:
    """The addresses of a host. Raises socket.gaierror, LookUpTimeout, UnicodeError.

    The system's lookup has no timeout and delays signals: a thread looks up names, and is abandoned if it takes too
    long. `ask` defaults to the system's lookup.
    """
    ask = ask or _addresses
    host = host.strip("[]")
    try:
        return ask(host, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        found: queue.SimpleQueue[list[Address] | OSError | UnicodeError] = queue.SimpleQueue()
        threading.Thread(target=_answer, args=(ask, host, port, found), daemon=True).start()
    try:
        answer = found.get(timeout=seconds)
    except queue.Empty:
        raise LookUpTimeout from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _answer(ask: Ask, host: str, port: int, found: queue.SimpleQueue[Any]) -> None:
    try:
        found.put(ask(host, port, 0))
    except (OSError, UnicodeError) as error:
        found.put(error)


def _addresses(host: str, port: int, flags: int) -> list[Address]:
    return list(socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM, 0, flags))


def _connect(
    address: Address, seconds: float, make_socket: MakeSocket, options: Sequence[tuple[Any, ...]]
) -> socket.socket:
    family, kind, protocol, _, place = address
    connection = make_socket(family, kind, protocol)
    try:
        for option in options:
            connection.setsockopt(*option)
        connection.settimeout(seconds)
        connection.connect(place)
    except BaseException:
        connection.close()
        raise
    return connection
