"""Which addresses a connection may go to: checked after the look-up, on what is then connected to.

A name is looked up once, what is too private is left out, and the rest is connected to: so neither a name that changes
its address in between (DNS rebinding) nor an odd spelling (`127.1`, `0x7f000001`) gets past.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Callable

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from ocikit.errors import Misdirected
from ocikit.registry import url as urls
from ocikit.registry.address_policy import Privacy, privacy_of, privacy_of_name
from ocikit.registry.url import Url

# As socket.getaddrinfo gives it: family, type, protocol, canonical name, and what to connect to.
Found = tuple[int, int, int, str, tuple[Any, ...]]
Resolver = Callable[[str, int], Iterable[Found]]


def resolve(host: str, port: int) -> Iterable[Found]:
    return socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)


class Connector:
    """Opens connections of one transport, and remembers how private the hosts are that it reached.

    `home`: the origin of the registry, which may be anywhere. So may `trusted`: hosts, each with one port or with None
    for any. Without `home` nothing is refused but what redirects name. `resolve` and `privacy` are for tests.
    """

    def __init__(
        self,
        home: str = "",
        trusted: Iterable[tuple[str, int | None]] = (),
        *,
        resolve: Resolver = resolve,
        privacy: Callable[[str], Privacy] = privacy_of,
    ) -> None:
        self._home = home
        self._trusted = frozenset(trusted)
        self._resolve = resolve
        self._privacy = privacy
        self._reached: dict[str, Privacy] = {}
        self._lock = threading.Lock()

    def most_private(self, url: Url, named_by: Sequence[str]) -> Privacy:
        """How private an address of `url` may be, which the origins `named_by` sent us to, one the other; else home.

        The least private of them counts, and what was not connected to (because it is behind a proxy) is public.
        """
        if url.origin == self._home or not self._trusted.isdisjoint(((url.host, url.port), (url.host, None))):
            return Privacy.NOWHERE
        origins = named_by or (self._home,)
        return min(self._privacy_of_origin(origin) if origin else Privacy.NOWHERE for origin in origins)

    def check_name(self, url: Url, bound: Privacy) -> None:
        """For what a proxy looks up: refuse what is too private by its name alone. Raises Misdirected."""
        known = privacy_of_name(url.host)
        if known is not None and known > bound:
            raise _misdirected(url, known, bound)

    def look_up(self, url: Url, bound: Privacy) -> list[Found]:
        """The addresses of a host that may be connected to. Raises OSError; Misdirected if there are only others."""
        found = list(self._resolve(url.host, url.port))
        allowed = [entry for entry in found if self._privacy_of(entry) <= bound]
        if found and not allowed:
            raise _misdirected(url, min(map(self._privacy_of, found)), bound)
        return allowed

    def reached(self, url: Url, entry: Found) -> None:
        """A connection was made: what answers there may name what is no more private."""
        privacy = self._privacy_of(entry)
        with self._lock:
            self._reached[url.origin] = min(privacy, self._reached.get(url.origin, privacy))

    def _privacy_of(self, entry: Found) -> Privacy:
        return self._privacy(str(entry[4][0]))

    def _privacy_of_origin(self, origin: str) -> Privacy:
        reached = self._reached.get(origin)
        if reached is None:
            reached = privacy_of_name(urls.parse(origin).host)
        return Privacy.PUBLIC if reached is None else reached


def checked(kind: Any, connector: Connector, url: Url, bound: Privacy) -> Any:
    """A kind of urllib3's connections that goes where `url` and `connector` say, and nowhere else."""

    class Checked(kind):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            error: OSError = OSError("no address")
            try:
                for entry in connector.look_up(url, bound):
                    try:
                        opened = _open(entry, self)
                    except OSError as failed:
                        error = failed
                    else:
                        connector.reached(url, entry)
                        return opened
            except socket.gaierror as failed:
                error = failed
            kind_of_error = ConnectTimeoutError if isinstance(error, socket.timeout) else NewConnectionError
            raise kind_of_error(self, "no connection") from error

    return Checked


def _open(entry: Found, connection: Any) -> socket.socket:
    family, kind, protocol, _, address = entry
    opened = socket.socket(family, kind, protocol)
    try:
        for option in connection.socket_options or ():
            opened.setsockopt(*option)
        opened.settimeout(connection.timeout)
        opened.connect(address)
    except BaseException:
        opened.close()
        raise
    return opened


def _misdirected(url: Url, found: Privacy, bound: Privacy) -> Misdirected:
    return Misdirected(
        f"{url.bracketed_host} is at {found.words} address, but was named from {bound.words} address, which must not "
        "lead to a more private one; if it is meant to be there, add it to `trusted_hosts`"
    )
