"""Every exception of ocikit. Who is at fault is in the type.

OcikitError
├── InvalidInput            you: a value that cannot be what it is meant to be
├── InvalidContent          a blob, manifest or layout that is not what it claims to be
├── NotFound                a manifest, blob or tag that is not there
├── ProtocolViolation       a registry that broke the distribution specification
├── NetworkError            a registry that did not answer
│   ├── Unreachable         no connection: refused, unknown host, no route
│   ├── Untrusted           a certificate that nobody vouches for
│   ├── TooSlow             one that gave, or took, too little in the time
│   └── GivenUp             the run has waited for too long in all
└── RegistryError           a registry that answered with an error
    ├── Unauthorized        401: credentials missing or wrong
    ├── Denied              403, 405: known who you are, not allowed
    └── TooManyRequests     429
"""

from __future__ import annotations


class OcikitError(Exception):
    """What every error of this library is; its text is fit to be shown to a person."""


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
        self.url = url
        self.status = status
        self.code = code
        self.message = message
        reason = " ".join(filter(None, [str(status), code, f'"{message}"' if message else None]))
        self.advice = advice
        text = f"the registry answered {reason} ({method} {url})"
        super().__init__(f"{text}. {advice}" if advice else text)


class Unauthorized(RegistryError):
    """401 after authentication was tried, or 401 with no credentials to try."""


class Denied(RegistryError):
    """403, or 405 as read-only registries answer."""


class TooManyRequests(RegistryError):
    """429: the registry asks for fewer requests."""
