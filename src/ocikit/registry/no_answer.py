"""Why no answer came: the libraries' exceptions become this library's, in plain words.

Never in the libraries' own words, which quote whole addresses.
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
from ocikit.registry.exchange import Request

_NO_ADDRESS = (LocationValueError, http.client.InvalidURL, UnicodeError)
_CLOSED = "the connection was closed before the answer was complete"
# Those of requests are kinds of OSError.
FAILURES = (HTTPError, OSError, UnicodeError)

# The certificate of the client is missing or not trusted; TLS 1.3 tells when the answer is read.
_CERTIFICATE_ALERTS = ("ALERT_CERTIFICATE", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "CERTIFICATE_REQUIRED")


def no_answer(request: Request, error: BaseException, limits: Limits) -> NetworkError:
    """The exception to raise where `error`, one of FAILURES, came instead of an answer."""
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
            f"the certificate is not trusted: {error.verify_message}; `ca_file` names an authority to trust",
        )
    if isinstance(error, ssl.SSLError):
        return _read_tls(error)
    if isinstance(error, socket.gaierror):
        return Unreachable, "the host name is unknown"
    if isinstance(error, NewConnectionError):
        # What it wraps says why.
        return None
    if isinstance(error, ConnectTimeoutError):
        return Unreachable, f"no connection within {limits.connect:g} seconds"
    if isinstance(error, socket.timeout):
        # Any other wait that is too long is told as an OverLimit.
        return NetworkError, f"TLS was not complete within {limits.connect:g} seconds"
    if isinstance(error, ConnectionRefusedError):
        return Unreachable, "the connection was refused"
    if isinstance(error, ConnectionError):
        return NetworkError, _CLOSED
    if isinstance(error, _NO_ADDRESS):
        return Unreachable, "this is not a valid address"
    if isinstance(error, OSError) and isinstance(error, ValueError):
        # As requests says that it cannot make sense of a proxy.
        return Unreachable, "the address of the proxy cannot be used"
    if type(error).__module__ == "builtins" and isinstance(error, OSError) and error.strerror:
        return Unreachable, error.strerror
    return None


def _read_tls(error: ssl.SSLError) -> tuple[type[NetworkError], str]:
    reason = error.reason or "no reason given"
    if any(alert in reason for alert in _CERTIFICATE_ALERTS):
        return Untrusted, f"our certificate is not accepted ({reason}); see `client_certificate`"
    if isinstance(error, ssl.SSLEOFError):
        return NetworkError, "the connection was closed before TLS was complete"
    return Unreachable, f"TLS failed ({reason}); is it plain HTTP?"


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
