"""All exceptions of ocikit. The type says who is at fault.

OcikitError
├── InvalidInput            the caller: an invalid value
├── InvalidContent          a blob, manifest or layout that is not what it claims to be
├── NotFound                a manifest, blob or tag that is missing
├── ProtocolViolation       a registry that violates the distribution specification
├── NetworkError            a registry that did not answer
│   ├── Unreachable         no connection: refused, unknown host, no route
│   ├── Untrusted           a certificate that is not trusted
│   ├── Misdirected         an address more private than that of the host that referred to it
│   ├── TooSlow             a host that sent or accepted too little in the time limit
│   └── GivenUp             the run has reached its total waiting time
└── RegistryError           a registry that answered with an error
    ├── Unauthorized        401: credentials missing or wrong
    ├── Denied              403, 405: authenticated, but not allowed
    └── TooManyRequests     429
"""

from __future__ import annotations

from typing import Callable

from ocikit.printable import printable

# Longer lines are cut: what they quote may have any length.
_LONGEST_LINE = 16 * 1024


class OcikitError(Exception):
    """The base of all errors of this library; its text is safe to print.

    Each argument is a line of the text. Lines may quote untrusted text, so invisible characters, including newlines,
    are escaped.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*(printable(line, _LONGEST_LINE) for line in lines))

    @property
    def lines(self) -> tuple[str, ...]:
        """The text, line by line."""
        return self.args

    def __str__(self) -> str:
        return "\n".join(self.args)

    def reword(self, change: Callable[[str], str]) -> None:
        """Apply `change` to every text of this error."""
        self.args = tuple(printable(change(line), _LONGEST_LINE) for line in self.args)


class InvalidInput(OcikitError):
    """An invalid value from the caller; the text quotes it and says what is expected."""


class InvalidContent(OcikitError):
    """Stored or received content that contradicts its digest, its size or its schema."""


class NotFound(OcikitError):
    """A manifest, blob, tag or file that does not exist where it was looked for."""


class NetworkError(OcikitError):
    """No usable answer from a host: refused, reset, too slow, or not TLS."""


class Unreachable(NetworkError):
    """No connection to a host was made, so nothing was sent."""


class Untrusted(NetworkError):
    """A certificate, the host's or ours, that the other side does not trust."""


class Misdirected(NetworkError):
    """A host that a registry named is at a more private address than the registry; nothing was sent there."""


class TooSlow(NetworkError):
    """A host that was not silent, but sent or accepted too little within the time limit, or sent too much."""


class GivenUp(NetworkError):
    """A host that made a run wait beyond its total waiting time; the run sends it no more requests."""


class ProtocolViolation(OcikitError):
    """An answer that the distribution specification does not allow, an HTML page for instance."""


class RegistryError(OcikitError):
    """A registry's error response.

    Safe to print: `url` has no query and no user information. `advice` is our own text: what to do.
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
        super().reword(change)
        self.url = printable(change(self.url))
        self.code = self.code and printable(change(self.code))
        self.message = self.message and printable(change(self.message))
        self.advice = self.advice and printable(change(self.advice))


class Unauthorized(RegistryError):
    """401 after authentication was tried, or 401 with no credentials to try."""


class Denied(RegistryError):
    """403, or 405, which read-only registries answer."""


class TooManyRequests(RegistryError):
    """429: the registry asks for fewer requests."""
