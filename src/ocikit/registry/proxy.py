"""Proxies, as requests finds them in the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ocikit.registry.secret import Secret
from ocikit.registry.tls import proxy_context


def proxy_manager(host: str, connections: int) -> Any:
    """What opens connections to `host` (https://host:port) through its proxy; None where it has none.

    requests knows how `NO_PROXY` is written, and SOCKS. Loading it takes as long as a hundred requests, so
    this is left for where somebody may have named a proxy; macOS keeps them elsewhere.
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
    """What proxies are told: user and password in their addresses."""
    for name, value in os.environ.items():
        if name.lower().endswith("_proxy") and "@" in value:
            pair = value.rpartition("@")[0].rpartition("://")[2]
            for text in (pair, pair.partition(":")[2]):
                yield from (Secret(text), Secret(unquote(text)))
