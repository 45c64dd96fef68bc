"""Secrets, and the credentials made of them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Callable, NoReturn

# Replaces a secret in a text.
HIDDEN = "[secret]"


@dataclass(frozen=True)
class Secret:
    """Text that only `reveal` shows: `str`, `repr` and format strings hide it."""

    _text: str

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __str__(self) -> str:
        return HIDDEN

    __repr__ = __str__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


@dataclass(frozen=True)
class Credentials:
    """User and password, or an identity token that is exchanged for access tokens (or both)."""

    username: str
    password: Secret
    identity_token: Secret | None = None

    def basic(self) -> Secret:
        """The value of an `Authorization` header. Source: RFC 7617, section 2."""
        return Secret(f"Basic {self._pair()}")

    def secrets(self) -> tuple[Secret, ...]:
        """Everything that must not be shown; the user name may be."""
        token = (self.identity_token,) if self.identity_token else ()
        return (self.password, Secret(self._pair()), *token) if self.password else token

    def _pair(self) -> str:
        return base64.b64encode(f"{self.username}:{self.password.reveal()}".encode()).decode("ascii")


@dataclass(frozen=True)
class Lookup:
    """The credentials found for a registry, if any, and the places, in words for a message.

    `places`: where the credentials are, or every place that was searched if there are none.
    """

    credentials: Credentials | None
    places: str


# (registry, repository path) → Lookup; the path is empty if no repository is meant.
CredentialSource = Callable[[str, str], Lookup]


def anonymous(registry: str, path: str) -> Lookup:
    """A source without credentials."""
    return Lookup(None, "")
