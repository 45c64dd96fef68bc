"""The only file that opens a socket."""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ProtocolError

from ocikit.errors import NetworkError
from ocikit.registry.exchange import Request, Response, is_loopback

CONNECT_SECONDS = 10
READ_SECONDS = 60
_BUFFER_SIZE = 64 * 1024


class Transport(Protocol):
    """What carries requests; redirects and authentication are the client's business."""

    def send(self, request: Request) -> Response:
        """One exchange. The body must be closed. Raises NetworkError where no answer came."""


class HttpTransport:
    """HTTP over connections that stay open, `connections` per host; may be shared by threads.

    Proxies and certificate authorities are the environment's (`HTTPS_PROXY`, `NO_PROXY`,
    `REQUESTS_CA_BUNDLE`), except that this machine is never asked through a proxy.
    """

    def __init__(self, connections: int = 16) -> None:
        self._session = requests.Session()
        for prefix in ("http://", "https://"):
            self._session.mount(prefix, HTTPAdapter(pool_maxsize=connections))

    def send(self, request: Request) -> Response:
        try:
            response = self._send(_prepare(request))
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            raise NetworkError(f"{request}: {_reason(error)}.") from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = io.BufferedReader(_Body(request, response), _BUFFER_SIZE)
        return Response(response.status_code, headers, cast(BinaryIO, body))

    def _send(self, prepared: requests.PreparedRequest) -> requests.Response:
        url = str(prepared.url)
        settings: Any = self._session.merge_environment_settings(url, {}, True, None, None)
        if is_loopback(urlsplit(url).hostname or ""):
            settings["proxies"] = {}
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        return self._session.send(prepared, timeout=timeout, allow_redirects=False, **settings)

    def close(self) -> None:
        self._session.close()


def _prepare(request: Request) -> requests.PreparedRequest:
    """Outside of the session, which would add what a .netrc file says and cookies."""
    headers = {"User-Agent": "ocikit", "Accept-Encoding": "identity", **request.headers}
    if request.authorization:
        headers["Authorization"] = request.authorization.reveal()
    return requests.Request(request.method, request.url, headers=headers, data=cast(Any, request.body)).prepare()


class _Body(io.RawIOBase):
    """A response's bytes as they were sent; failures are in this library's words."""

    def __init__(self, request: Request, response: requests.Response) -> None:
        self._request = request
        self._response = response

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            # http.client clears as many bytes as are asked for, be the answer ever so small.
            size = min(len(buffer), _BUFFER_SIZE)
            data = self._response.raw.read(size, decode_content=False)
        except (HTTPError, OSError) as error:
            raise NetworkError(f"{self._request}: {_reason(error)}.") from None
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._response.close()
        super().close()


def _reason(error: BaseException) -> str:
    """Why no answer came, in plain words: never the libraries' own, which quote whole addresses."""
    through = "through the proxy: " if isinstance(error, requests.exceptions.ProxyError) else ""
    for cause in _causes(error):
        reason = _words(cause)
        if reason:
            return through + reason
    return f"{through}the connection failed ({type(error).__name__})"


def _words(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'no reason given'}); is it plain HTTP?"
    if isinstance(error, socket.gaierror):
        return "the host name is unknown"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS} seconds"
    if isinstance(error, (socket.timeout, requests.exceptions.Timeout)):
        return f"no answer within {READ_SECONDS} seconds"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, (ConnectionError, ProtocolError)):
        return "the connection was closed before the answer was complete"
    if isinstance(error, requests.exceptions.InvalidURL):
        return "this is not a valid address"
    if type(error).__module__ == "builtins" and isinstance(error, OSError) and error.strerror:
        return error.strerror
    return None


def _causes(error: BaseException, seen: set[int] | None = None) -> Iterator[BaseException]:
    """An exception and all that it wraps: requests wraps urllib3, which wraps http.client."""
    seen = set() if seen is None else seen
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    wrapped = (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args)
    for inner in wrapped:
        if isinstance(inner, BaseException):
            yield from _causes(inner, seen)
