"""HTTP over persistent connections: the only way to a registry."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol, cast

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry, Timeout

from ocikit.errors import Misdirected, ProtocolViolation
from ocikit.registry import url as urls
from ocikit.registry.address_policy import Privacy
from ocikit.registry.connection import Current, paced
from ocikit.registry.connector import Connector
from ocikit.registry.deadline import DEFAULT_LIMITS, Limits, Pace
from ocikit.registry.http import RawResponse, Request, StreamedBody, host_part, is_loopback
from ocikit.registry.limiter import CONNECTIONS
from ocikit.registry.network_errors import FAILURES, no_answer
from ocikit.registry.options import DEFAULT_OPTIONS, RegistryOptions
from ocikit.registry.proxy import proxy_manager
from ocikit.registry.tls import tls_context
from ocikit.registry.url import Url

_BUFFER_SIZE = 64 * 1024
_HEADERS = {"User-Agent": "ocikit", "Accept-Encoding": "identity"}
_ONCE = Retry(False)
# Limit on hosts with open connections; a registry may redirect each request to another host.
_MOST_POOLS = 64
_POOLS: Any = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}


class Transport(Protocol):
    """Sends requests; the client handles redirects and authentication."""

    def send(self, request: Request) -> RawResponse:
        """Send one request. The caller must close the body. Raises NetworkError if no response arrives."""


class HttpTransport:
    """HTTP over persistent connections, `connections` per host; threads may share it.

    Proxies and certificate authorities come from the environment (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`), but
    requests to this machine never use a proxy. `options` adds authorities and the client certificate, which only `home`
    (an address) receives. `limits`: how long the transport waits for a host. `connector` decides which addresses are
    allowed.

    A session of requests reads the environment, merges settings and keeps cookies for each request, which doubles its
    cost. This class uses urllib3, on which requests is built, and sets up each host once.
    """

    def __init__(
        self,
        *,
        options: RegistryOptions = DEFAULT_OPTIONS,
        home: str = "",
        connections: int = CONNECTIONS,
        limits: Limits = DEFAULT_LIMITS,
        connector: Connector | None = None,
    ) -> None:
        self._options = options
        self._home = _origin_of(home)
        self._connector = connector or Connector(self._home, options.trusted)
        self._limits = limits
        self._timeout = Timeout(connect=limits.connect, read=limits.silence)
        self._current = Current()
        self._connections = connections
        # Keyed by origin and allowed privacy: a connection is reused only by requests that may reach its address.
        self._pools: dict[tuple[str, Privacy], Any] = {}
        # Keyed by whether the client certificate is used. Reading the authorities takes milliseconds and a megabyte.
        self._contexts: dict[bool, Any] = {}
        self._lock = threading.Lock()

    def send(self, request: Request) -> RawResponse:
        pace = self._current.pace = Pace(self._limits)
        try:
            response = self._send(request)
            headers = {name.lower(): value for name, value in response.headers.items()}
            size = response.length_remaining
            if size is not None and size <= _BUFFER_SIZE:
                return RawResponse(response.status, headers, io.BytesIO(response.read()))
        except FAILURES as error:
            raise no_answer(request, error, self._limits) from None
        except Misdirected as error:
            raise Misdirected(f"{request}: {error} of the registry.") from None
        if request.streamed and response.status == 200:
            pace.streaming()
        body = _Body(request, response, pace, self._limits)
        return RawResponse(response.status, headers, cast(BinaryIO, io.BufferedReader(body, _BUFFER_SIZE)))

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()

    def _send(self, request: Request) -> Any:
        url = urls.parse(request.url)
        bound = self._connector.most_private(url, request.named_by)
        pool = self._pools.get((url.origin, bound)) or self._open_pool(url, bound)
        through_proxy = pool.proxy and pool.scheme == "http"
        headers = {**_HEADERS, **request.headers}
        if request.authorization:
            headers["Authorization"] = request.authorization.reveal()
        size = len(request.body)
        if size or request.method not in ("GET", "HEAD", "DELETE"):
            headers["Content-Length"] = str(size)
        self._current.target = str(url) if through_proxy else url.target
        return pool.urlopen(
            request.method,
            f"{url.origin}/" if through_proxy else "/",
            body=_chunks(request.body) if size else None,
            headers=headers,
            retries=_ONCE,
            redirect=False,
            assert_same_host=False,
            timeout=self._timeout,
            preload_content=False,
            decode_content=False,
        )

    def _open_pool(self, url: Url, bound: Privacy) -> Any:
        key = url.origin, bound
        with self._lock:
            if key not in self._pools:
                if len(self._pools) >= _MOST_POOLS:
                    # Running requests of that pool continue; their connections are closed afterwards.
                    self._pools.pop(next(other for other in self._pools if other[0] != self._home)).close()
                self._pools[key] = self._new_pool(url, bound)
            return self._pools[key]

    def _new_pool(self, url: Url, bound: Privacy) -> Any:
        manager: Any = None if is_loopback(url.host) else proxy_manager(url.origin, self._connections)
        tls = {}
        if url.scheme == "https":
            tls["ssl_context"] = self._context(with_certificate=url.origin == self._home)
        route = None
        if manager:
            self._connector.check_name(url, bound)
            pool = manager.connection_from_host(url.bracketed_host, url.port, url.scheme, pool_kwargs=tls)
        else:
            pool = _POOLS[url.scheme](url.bracketed_host, url.port, maxsize=self._connections, **tls)
            route = self._connector.route(url, bound)
        pool.ConnectionCls = paced(pool.ConnectionCls, self._current, self._limits, route)
        return pool

    def _context(self, *, with_certificate: bool) -> Any:
        mine = with_certificate and bool(self._options.client_certificate)
        if mine not in self._contexts:
            self._contexts[mine] = tls_context(self._options, with_certificate=mine)
        return self._contexts[mine]


def _origin_of(home: str) -> str:
    try:
        return host_part(home) if home else ""
    except ProtocolViolation:
        # A request to it reports the error.
        return home


def _chunks(body: bytes | StreamedBody) -> Iterator[memoryview]:
    """Split a body into small parts: a timeout applies to everything passed to a socket in one call."""
    for chunk in (body,) if isinstance(body, bytes) else body:
        view = memoryview(chunk)
        for start in range(0, len(view), _BUFFER_SIZE):
            yield view[start : start + _BUFFER_SIZE]


class _Body(io.RawIOBase):
    """The bytes of a response as they were sent; failures become errors of this library."""

    def __init__(self, request: Request, response: Any, pace: Pace, limits: Limits) -> None:
        self._request = request
        self._response = response
        self._pace = pace
        self._limits = limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # http.client allocates as many bytes as are asked for, however small the response is.
        size = min(len(buffer), _BUFFER_SIZE)
        self._pace.expect(size)
        try:
            data = self._response.read(size, decode_content=False)
        except FAILURES as error:
            raise no_answer(self._request, error, self._limits) from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._response.close()
            self._response.release_conn()
        super().close()
