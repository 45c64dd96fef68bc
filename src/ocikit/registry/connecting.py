"""Which addresses a connection may go to: checked after the look-up, on what is then connected to.

A name is looked up once, what is too private is left out, and the rest is connected to: so neither a name that changes
its address in between (DNS rebinding) nor an odd spelling (`127.1`, `0x7f000001`) gets past.
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

    `home`: the origin of the registry, which may be anywhere. So may `trusted`: hosts, each with one port or with None
    for any. Without `home` nothing is refused but what redirects name. `ask`, see `dial`, and `privacy` are for tests.
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
        """A connection was made: what answers there may name what is no more private."""
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
        "lead to a more private one; if it is meant to be there, add it to `trusted_hosts`"
    )
