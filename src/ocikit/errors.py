"""Every exception of ocikit. Who is at fault is in the type.

OcikitError
├── InvalidInput            you: a value that cannot be what it is meant to be
├── InvalidContent          a blob, manifest or layout that is not what it claims to be
├── NotFound                a manifest, blob or tag that is not there
├── ProtocolViolation       a registry that broke the distribution specification
├── NetworkError            a registry that did not answer
│   ├── Unreachable         no connection: refused, unknown host, no route
│   ├── Untrusted           a certificate that nobody vouches for
│   ├── Misdirected         an address to which nobody may send us: more private than that of who named it
│   ├── TooSlow             one that gave, or took, too little in the time
│   └── GivenUp             the run has waited for too long in all
└── RegistryError           a registry that answered with an error
    ├── Unauthorized        401: credentials missing or wrong
    ├── Denied              403, 405: known who you are, not allowed
    └── TooManyRequests     429
"""

from __future__ import annotations

from typing import Callable

from ocikit.printable import printable

# More of a line is cut: what it quotes may be of any length.
_LONGEST_LINE = 16 * 1024


class OcikitError(Exception):
    """What every error of this library is; its text is fit to be shown to a person.

    Each argument is a line of the text. What the lines quote may be anybody's: a character that cannot be seen, a
    newline among them, is escaped.
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
        """Put every text of this error through `change`."""
        self.args = tuple(printable(change(line), _LONGEST_LINE) for line in self.args)


class InvalidInput(OcikitError):
    """A value of the caller's that cannot be used; the text quotes it and says what is wanted."""


class InvalidContent(OcikitError):
    """Stored or received content that contradicts its digest, its size or its schema."""


class NotFound(OcikitError):
    """A manifest, blob, tag or file that does not exist where it was looked for."""


class NetworkError(OcikitError):
    """No usable answer from a host: refused, reset, too slow, or not TLS."""


class Unreachable(NetworkError):
    """No connection to a host was made, so nothing was sent."""


class Untrusted(NetworkError):
    """A host's certificate, or ours, that the other side does not trust."""


class Misdirected(NetworkError):
    """A host that a registry named is at a more private address than the registry; nothing was sent there."""


class TooSlow(NetworkError):
    """A host that was not silent, and gave or took too little in the time, or more than there can be."""


class GivenUp(NetworkError):
    """A host that let a run wait when that had waited as long as it does in all; it is not asked again."""


class ProtocolViolation(OcikitError):
    """An answer that the distribution specification does not allow, an HTML page for instance."""


class RegistryError(OcikitError):
    """A registry's answer that refuses a request.

    Safe to print: `url` carries no query and no user information. `advice` is ours: what to do.
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
    """403, or 405 as read-only registries answer."""


class TooManyRequests(RegistryError):
    """429: the registry asks for fewer requests."""
