"""The exceptions of ocikit. The type says who is at fault; `OcikitError` catches them all.

Indented errors are subclasses of the error above:

    OcikitError             also itself, for example for errors of the operating system
    ├── InvalidInput        the caller: a value that cannot be used
    ├── InvalidContent      content that is damaged, or not what it claims to be
    ├── NotFound            a manifest, blob, tag or file that does not exist
    ├── ProtocolViolation   a registry that violates the distribution specification
    ├── NetworkError        a registry without a usable answer
    │   ├── Unreachable     no connection: refused, unknown host, no route
    │   ├── Untrusted       a certificate that is not trusted
    │   ├── Misdirected     a registry names an address that is more private than its own
    │   ├── TooSlow         too few bytes in the time
    │   └── GivenUp         the run has waited too long in total
    └── RegistryError       a registry that answers with an error
        ├── Unauthorized    401: credentials are missing or wrong
        ├── Denied          403, 405: the credentials do not allow it
        └── TooManyRequests 429
"""

from __future__ import annotations

from typing import Callable

from ocikit.printable import printable

__all__ = [
    "Denied",
    "GivenUp",
    "InvalidContent",
    "InvalidInput",
    "Misdirected",
    "NetworkError",
    "NotFound",
    "OcikitError",
    "ProtocolViolation",
    "RegistryError",
    "TooManyRequests",
    "TooSlow",
    "Unauthorized",
    "Unreachable",
    "Untrusted",
]

# More of a line is cut: what it quotes may be of any length.
_LONGEST_LINE = 16 * 1024


class OcikitError(Exception):
    """The base of every error of this library. `str()` gives a text for people, without secrets.

    Each argument is a line of the text. Characters that cannot be seen, newlines included, are escaped, because a line
    may quote what a registry sent.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*(printable(line, _LONGEST_LINE) for line in lines))

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of the text."""
        return self.args

    def __str__(self) -> str:
        return "\n".join(self.args)

    def reword(self, change: Callable[[str], str]) -> None:
        """Replace every text of this error by what `change` returns for it."""
        self.args = tuple(printable(change(line), _LONGEST_LINE) for line in self.args)


class InvalidInput(OcikitError):
    """A value of the caller that cannot be used; the text quotes it and says what is valid."""


class InvalidContent(OcikitError):
    """Stored or received content that contradicts its digest, its size or its schema."""


class NotFound(OcikitError):
    """A manifest, blob, tag or file that does not exist."""


class NetworkError(OcikitError):
    """No usable answer from a host: refused, reset, too slow, or not TLS. A later run may succeed."""


class Unreachable(NetworkError):
    """No connection to a host. Nothing was sent."""


class Untrusted(NetworkError):
    """A certificate, of the host or of the client, that the other side does not trust."""


class Misdirected(NetworkError):
    """A registry names a host at an address that is more private than its own. Nothing was sent there."""


class TooSlow(NetworkError):
    """A host that sends or takes too few bytes in the time, or sends without an end."""


class GivenUp(NetworkError):
    """A host that lets a run wait after the run has waited as long as it may in total. It gets no more requests."""


class ProtocolViolation(OcikitError):
    """An answer that the distribution specification does not allow, such as an HTML page."""


class RegistryError(OcikitError):
    """A registry that refuses a request.

    `method` and `url` are those of the request; `url` has no query and no user information. `status` is the HTTP
    status. `code` and `message` are those of the registry, None if it gives none. `advice` says what to do, None if
    that is not known.
    Spec: distribution-spec v1.1.1, "Error Codes".
    """

    def __init__(
        self,
        *,
        method: str,
        url: str,
        status: int,
        code: str | None = None,
        message: str | None = None,
        advice: str | None = None,
    ) -> None:
        self.method = method
        self.url = printable(url)
        self.status = status
        self.code = printable(code) if code else None
        self.message = printable(message) if message else None
        reason = " ".join(filter(None, [str(status), code, f'"{message}"' if message else None]))
        self.advice = advice
        text = f"the registry answered {reason} ({method} {url})"
        super().__init__(f"{text}. {advice}" if advice else text)

    def reword(self, change: Callable[[str], str]) -> None:
        """See `OcikitError`."""
        super().reword(change)
        self.url = printable(change(self.url))
        self.code = self.code and printable(change(self.code))
        self.message = self.message and printable(change(self.message))
        self.advice = self.advice and printable(change(self.advice))


class Unauthorized(RegistryError):
    """401: the registry rejects the credentials, or there are none."""


class Denied(RegistryError):
    """403, or 405 from a read-only registry: the credentials do not allow it."""


class TooManyRequests(RegistryError):
    """429: the registry asks for fewer requests."""
