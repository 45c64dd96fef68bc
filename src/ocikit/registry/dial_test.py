from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from ocikit.registry.dial import Address, LookUpTimeout, dial, look_up

# Slack for a busy machine; a real hang does not end.
_SLACK = 20.0


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@pytest.fixture
def full() -> Iterator[Address]:
    """An address that accepts no connection: its queue is full."""
    with socket.socket() as queue:
        queue.bind(("127.0.0.1", 0))
        queue.listen(0)
        place = queue.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(place)
        yield (socket.AF_INET, socket.SOCK_STREAM, 0, "", place)
        for each in waiting:
            each.close()


def test_an_address_is_not_looked_up(listener: socket.socket) -> None:
    for host in ("127.0.0.1", "[::1]"):
        before = threading.active_count()
        assert look_up(host, 80, 1)[0][4][:2] == (host.strip("[]"), 80)
        assert threading.active_count() == before
    port = listener.getsockname()[1]
    connection, address = dial(lambda: look_up("localhost", port, 5), 5)
    with connection:
        assert address[4] == connection.getpeername() == ("127.0.0.1", port)


def test_an_unknown_name() -> None:
    with pytest.raises(socket.gaierror):
        look_up("does-not-exist.invalid", 80, 20)


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example"])
def test_invalid_names(host: str) -> None:
    with pytest.raises(UnicodeError):
        look_up(host, 80, 5)


def test_a_look_up_that_hangs() -> None:
    ended = threading.Event()

    def hangs(host: str, port: int, flags: int) -> list[Address]:
        if flags:
            raise socket.gaierror
        ended.wait()
        return []

    started = time.monotonic()
    with pytest.raises(LookUpTimeout):
        look_up("r.example", 80, 0.1, hangs)
    ended.set()
    assert time.monotonic() - started < _SLACK


@pytest.mark.parametrize("count", [1, 1000])
def test_addresses_that_hang(full: Address, count: int) -> None:
    started = time.monotonic()
    with pytest.raises(socket.timeout):
        dial(lambda: [full] * count, 0.3)
    assert time.monotonic() - started < _SLACK


def test_one_of_two_that_hangs(full: Address, listener: socket.socket) -> None:
    place = (socket.AF_INET, socket.SOCK_STREAM, 0, "", listener.getsockname())
    connection, address = dial(lambda: [full, place], 5)
    with connection:
        assert address == place


def test_a_look_up_uses_up_the_time(full: Address) -> None:
    def find() -> list[Address]:
        time.sleep(0.1)
        return [full]

    with pytest.raises(socket.timeout):
        dial(find, 0.05)
