"""Why no response arrived: the libraries' exceptions as this library's.

Messages never quote the libraries, which include whole addresses.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
)

from ocikit.errors import NetworkError, TooSlow, Unreachable, Untrusted
from ocikit.registry.deadline import Limits, OverLimit, Silence
from ocikit.registry.dial import LookUpTimeout
from ocikit.registry.http import Request

_NO_ADDRESS = (LocationValueError, http.client.InvalidURL, UnicodeError)
_CLOSED = "the connection was closed before the response was complete"
# Exceptions of requests are subclasses of OSError.
FAILURES = (HTTPError, OSError, UnicodeError)

# The client certificate is missing or not trusted; with TLS 1.3 the alert arrives when the response is read.
_CERTIFICATE_ALERTS = ("ALERT_CERTIFICATE", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "CERTIFICATE_REQUIRED")


def no_answer(request: Request, error: BaseException, limits: Limits) -> NetworkError:
    """The exception for a request that failed with `error`, one of FAILURES."""
    causes = list(_causes(error))
    kind: type[NetworkError] = NetworkError
    broken = any(isinstance(cause, ProtocolError) for cause in causes)
    reason = _CLOSED if broken else f"the connection failed ({type(error).__name__})"
    for cause in causes:
        found = _read(cause, limits)
        if found:
            kind, reason = found
            break
    through = "through the proxy: " if any(isinstance(cause, ProxyError) for cause in causes) else ""
    return kind(f"{request}: {through}{reason}.")


def _read(error: BaseException, limits: Limits) -> tuple[type[NetworkError], str] | None:
    if isinstance(error, OverLimit):
        return NetworkError if isinstance(error, Silence) else TooSlow, str(error)
    if isinstance(error, LookUpTimeout):
        return Unreachable, f"the host name was not found within {limits.connect:g} seconds"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            Untrusted,
            f"the certificate is not trusted: {error.verify_message}; set `ca_file` to an authority to trust",
        )
    if isinstance(error, ssl.SSLError):
        return _read_tls(error)
    if isinstance(error, socket.gaierror):
        return Unreachable, "the host name is unknown"
    if isinstance(error, NewConnectionError):
        # The exception that it wraps has the reason.
        return None
    if isinstance(error, ConnectTimeoutError):
        return Unreachable, f"no connection within {limits.connect:g} seconds"
    if isinstance(error, socket.timeout):
        # Any other wait that is too long raises OverLimit.
        return NetworkError, f"the TLS handshake was not complete within {limits.connect:g} seconds"
    if isinstance(error, ConnectionRefusedError):
        return Unreachable, "the connection was refused"
    if isinstance(error, ConnectionError):
        return NetworkError, _CLOSED
    if isinstance(error, _NO_ADDRESS):
        return Unreachable, "this is not a valid address"
    if isinstance(error, OSError) and isinstance(error, ValueError):
        # requests raises this for an invalid address of a proxy.
        return Unreachable, "the address of the proxy cannot be used"
    if type(error).__module__ == "builtins" and isinstance(error, OSError) and error.strerror:
        return Unreachable, error.strerror
    return None


def _read_tls(error: ssl.SSLError) -> tuple[type[NetworkError], str]:
    reason = error.reason or "no reason given"
    if any(alert in reason for alert in _CERTIFICATE_ALERTS):
        return Untrusted, f"the client certificate is not accepted ({reason}); check `client_certificate`"
    if isinstance(error, ssl.SSLEOFError):
        return NetworkError, "the connection was closed before the TLS handshake was complete"
    return Unreachable, f"TLS failed ({reason}); is the server plain HTTP?"


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
