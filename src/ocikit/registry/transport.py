"""The only file that opens a socket."""

from __future__ import annotations

import http.client
import io
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol, cast

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry, Timeout

from ocikit.errors import Misdirected, ProtocolViolation
from ocikit.registry import url as urls
from ocikit.registry.address_policy import Privacy
from ocikit.registry.connecting import Connector, checked
from ocikit.registry.exchange import Request, Response, StreamedBody, host_part, is_loopback
from ocikit.registry.limiter import CONNECTIONS
from ocikit.registry.no_answer import FAILURES, no_answer
from ocikit.registry.options import DEFAULT_OPTIONS, RegistryOptions
from ocikit.registry.proxy import proxy_manager
from ocikit.registry.tls import tls_context
from ocikit.registry.url import Url

CONNECT_SECONDS = 10
READ_SECONDS = 60

_BUFFER_SIZE = 64 * 1024
_HEADERS = {"User-Agent": "ocikit", "Accept-Encoding": "identity"}
_ONCE = Retry(False)
_POOLS: Any = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}


class Transport(Protocol):
    """What carries requests; redirects and authentication are the client's business."""

    def send(self, request: Request) -> Response:
        """One exchange. The body must be closed. Raises NetworkError where no answer came."""


class HttpTransport:
    """HTTP over connections that stay open, `connections` of them per host; may be shared by threads.

    Proxies and certificate authorities are the environment's (`HTTPS_PROXY`, `NO_PROXY`,
    `SSL_CERT_FILE`), except that this machine is never asked through a proxy. `options` names more
    authorities, and the client certificate, which only `home` (an address) is shown. `read_seconds`: how
    long a host may keep silent, and may take to accept a part of a body. `connector` has the last word on addresses.

    A session of requests looks at the environment, merges settings and keeps cookies for each request,
    which doubles its cost: here it is urllib3, which requests stands on, and each host is set up once.
    """

    def __init__(
        self,
        *,
        options: RegistryOptions = DEFAULT_OPTIONS,
        home: str = "",
        connections: int = CONNECTIONS,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        connector: Connector | None = None,
    ) -> None:
        self._options = options
        self._home = _origin_of(home)
        self._connector = connector or Connector(self._home, options.trusted)
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._timeout = Timeout(connect=connect_seconds, read=read_seconds)
        self._connections = connections
        # A connection may be used again by those who may go where it leads.
        self._pools: dict[tuple[str, Privacy], Any] = {}
        self._lock = threading.Lock()

    def send(self, request: Request) -> Response:
        try:
            response = self._send(request)
            headers = {name.lower(): value for name, value in response.headers.items()}
            size = response.length_remaining
            if size is not None and size <= _BUFFER_SIZE:
                return Response(response.status, headers, io.BytesIO(response.read()))
        except FAILURES as error:
            raise no_answer(request, error, self._connect_seconds, self._read_seconds) from None
        except Misdirected as error:
            raise Misdirected(f"{request}: {error} of the registry.") from None
        body = _Body(request, response, self._connect_seconds, self._read_seconds)
        return Response(response.status, headers, cast(BinaryIO, io.BufferedReader(body, _BUFFER_SIZE)))

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
        return pool.urlopen(
            request.method,
            str(url) if through_proxy else url.target,
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
                self._pools[key] = self._new_pool(url, bound)
            return self._pools[key]

    def _new_pool(self, url: Url, bound: Privacy) -> Any:
        manager: Any = None if is_loopback(url.host) else proxy_manager(url.origin, self._connections)
        tls = {}
        if url.scheme == "https":
            tls["ssl_context"] = tls_context(self._options, with_certificate=url.origin == self._home)
        if manager:
            self._connector.check_name(url, bound)
            pool = manager.connection_from_host(url.bracketed_host, url.port, url.scheme, pool_kwargs=tls)
        else:
            pool = _POOLS[url.scheme](url.bracketed_host, url.port, maxsize=self._connections, **tls)
            pool.ConnectionCls = checked(pool.ConnectionCls, self._connector, url, bound)
        pool.ConnectionCls = _patient(pool.ConnectionCls, self._read_seconds)
        return pool


def _origin_of(home: str) -> str:
    try:
        return host_part(home) if home else ""
    except ProtocolViolation:
        # Whoever asks for it is told.
        return home


def _patient(connection: Any, seconds: float) -> Any:
    """A kind of connection that waits `seconds` while it sends, where urllib3 waits as when it connects."""

    class Patient(connection):  # type: ignore[misc]
        response_class = _WholeResponse

        def request(self, *arguments: Any, **options: Any) -> None:
            self.timeout = seconds
            super().request(*arguments, **options)

    return Patient


class _WholeResponse(http.client.HTTPResponse):
    """An answer whose headers came to their end, which http.client does not look for."""

    def begin(self) -> None:
        file: Any = self.fp
        lines: Any = _Lines(file)
        self.fp = lines
        try:
            super().begin()
        finally:
            if self.fp is lines:
                self.fp = file
        if lines.last == b"":
            self.close()
            raise http.client.IncompleteRead(b"")

    def _read_next_chunk_size(self) -> int:
        """http.client takes "-1" for a size, and would then keep all that ever comes."""
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise ValueError
        return size


class _Lines:
    """Reads lines and remembers the last one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.last: bytes | None = None

    def readline(self, size: int) -> bytes:
        self.last = self._file.readline(size)
        return self.last

    def close(self) -> None:
        self._file.close()


def _chunks(body: bytes | StreamedBody) -> Iterator[memoryview]:
    """A body in small parts: a timeout is for all of what is handed to a socket at once."""
    for chunk in (body,) if isinstance(body, bytes) else body:
        view = memoryview(chunk)
        for start in range(0, len(view), _BUFFER_SIZE):
            yield view[start : start + _BUFFER_SIZE]


class _Body(io.RawIOBase):
    """A response's bytes as they were sent; failures are in this library's words."""

    def __init__(self, request: Request, response: Any, connect_seconds: float, read_seconds: float) -> None:
        self._request = request
        self._response = response
        self._seconds = (connect_seconds, read_seconds)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            # http.client clears as many bytes as are asked for, be the answer ever so small.
            size = min(len(buffer), _BUFFER_SIZE)
            data = self._response.read(size, decode_content=False)
        except FAILURES as error:
            raise no_answer(self._request, error, *self._seconds) from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._response.close()
            self._response.release_conn()
        super().close()
