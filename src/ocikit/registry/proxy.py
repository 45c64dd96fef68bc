"""Proxies of the environment, found with requests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ocikit.registry.secret import Secret
from ocikit.registry.tls import proxy_context


def proxy_manager(host: str, connections: int) -> Any:
    """The manager of connections to `host` (https://host:port) through its proxy; None without a proxy.

    requests knows the syntax of `NO_PROXY`, and SOCKS. Loading it takes as long as a hundred requests, so it is loaded
    only if a variable may name a proxy, and on macOS, which keeps proxies elsewhere.
    """
    named = any(name.lower().endswith("_proxy") and value for name, value in os.environ.items())
    if not named and sys.platform != "darwin":
        return None
    import requests.adapters  # noqa: PLC0415 - see above
    import requests.utils  # noqa: PLC0415

    utils: Any = requests.utils
    proxy = utils.select_proxy(host, utils.get_environ_proxies(host))
    if not proxy:
        return None
    adapter: Any = requests.adapters.HTTPAdapter(pool_maxsize=connections)
    address = utils.prepend_scheme_if_needed(proxy, "http")
    tls = {"proxy_ssl_context": proxy_context()} if address.lower().startswith("https:") else {}
    return adapter.proxy_manager_for(address, **tls)


def proxy_secrets() -> Iterator[Secret]:
    """The secrets that proxies receive: user and password in their addresses."""
    for name, value in os.environ.items():
        if name.lower().endswith("_proxy") and "@" in value:
            pair = value.rpartition("@")[0].rpartition("://")[2]
            for text in (pair, pair.partition(":")[2]):
                yield from (Secret(text), Secret(unquote(text)))
