"""Which addresses a connection may use: checked after the lookup, on the addresses that are then connected to.

A name is looked up once, addresses that are too private are removed, and a connection is made to one of the rest. So
neither a name that changes its address in between (DNS rebinding) nor an odd spelling (`127.1`, `0x7f000001`) bypasses
the check.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Callable

from ocikit.errors import Misdirected
from ocikit.registry import url as urls
from ocikit.registry.address_policy import Privacy, privacy_of, privacy_of_name
from ocikit.registry.dial import Address, Ask, Route, look_up
from ocikit.registry.url import Url


class Connector:
    """Opens connections of one transport, and remembers how private the hosts are that it reached.

    `home`: the origin of the registry, which may have any address. So may `trusted`: hosts, each with one port or with
    None for any. Without `home`, only hosts that redirects name are checked. `ask` (see `dial`) and `privacy` are for
    tests.
    """

    def __init__(
        self,
        home: str = "",
        trusted: Iterable[tuple[str, int | None]] = (),
        *,
        ask: Ask | None = None,
        privacy: Callable[[str], Privacy] = privacy_of,
    ) -> None:
        self._home = home
        self._trusted = frozenset(trusted)
        self._ask = ask
        self._privacy = privacy
        self._reached: dict[str, Privacy] = {}
        self._lock = threading.Lock()

    def most_private(self, url: Url, named_by: Sequence[str]) -> Privacy:
        """The most private address that `url` may have, if the chain of origins `named_by` (empty: home) sent us there.

        The least private of them counts. An origin that was not connected to, because it is behind a proxy, is public.
        """
        if url.origin == self._home or not self._trusted.isdisjoint(((url.host, url.port), (url.host, None))):
            return Privacy.NOWHERE
        origins = named_by or (self._home,)
        return min(self._privacy_of_origin(origin) if origin else Privacy.NOWHERE for origin in origins)

    def check_name(self, url: Url, bound: Privacy) -> None:
        """Refuse a host that is too private by its name alone, if a proxy looks it up. Raises Misdirected."""
        known = privacy_of_name(url.host)
        if known is not None and known > bound:
            raise _misdirected(url, known, bound)

    def route(self, url: Url, bound: Privacy) -> Route:
        return Route(partial(self.look_up, url, bound), partial(self.reached, url))

    def look_up(self, url: Url, bound: Privacy, seconds: float) -> list[Address]:
        """The addresses of a host that may be connected to. Raises as `dial.look_up`; Misdirected if there are none."""
        found = look_up(url.host, url.port, seconds, self._ask)
        allowed = [entry for entry in found if self._privacy_of(entry) <= bound]
        if found and not allowed:
            raise _misdirected(url, min(map(self._privacy_of, found)), bound)
        return allowed

    def reached(self, url: Url, entry: Address) -> None:
        """Record a connection: the host that it reached may only name hosts that are no more private."""
        privacy = self._privacy_of(entry)
        with self._lock:
            self._reached[url.origin] = min(privacy, self._reached.get(url.origin, privacy))

    def _privacy_of(self, entry: Address) -> Privacy:
        return self._privacy(str(entry[4][0]))

    def _privacy_of_origin(self, origin: str) -> Privacy:
        reached = self._reached.get(origin)
        if reached is None:
            reached = privacy_of_name(urls.parse(origin).host)
        return Privacy.PUBLIC if reached is None else reached


def _misdirected(url: Url, found: Privacy, bound: Privacy) -> Misdirected:
    return Misdirected(
        f"{url.bracketed_host} is at {found.words} address, but was named from {bound.words} address, which must not "
        "lead to a more private one; if this is intended, add it to `trusted_hosts`"
    )
