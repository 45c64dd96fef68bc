"""Answers that refuse or make no sense become exceptions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ocikit.errors import (
    Denied,
    NotFound,
    OcikitError,
    ProtocolViolation,
    RegistryError,
    TooManyRequests,
    Unauthorized,
)
from ocikit.registry.exchange import Answer, printable

_KINDS: Mapping[int, type[RegistryError]] = {
    401: Unauthorized,
    403: Denied,
    405: Denied,
    429: TooManyRequests,
}
_LONGEST_MESSAGE = 300
_HTML = "an HTML page, not a registry's answer"


def failure(answer: Answer, wanted: str, advice: str | None = None) -> OcikitError:
    """The exception to raise for an answer whose status is not among those `wanted` (in words).

    404 is NotFound, other refusals are RegistryError and its kinds, anything below 400 is
    ProtocolViolation. `advice` says what a person can do.
    Spec: distribution-spec v1.1.1, "Error Codes".
    """
    request = answer.request
    if answer.status < 400:
        return violation(answer, wanted)
    code, message = read_error(answer)
    kind = _KINDS.get(answer.status, RegistryError)
    error = kind(
        method=request.method,
        url=printable(request.url),
        status=answer.status,
        code=code,
        message=message,
        advice=advice,
    )
    return NotFound(str(error)) if answer.status == 404 else error


def violation(answer: Answer, wanted: str) -> ProtocolViolation:
    """The exception for an answer that the specification does not allow; `wanted` in words."""
    found = _HTML if is_html(answer) else answer.content_type or "no content type"
    return ProtocolViolation(
        f"wanted {wanted}, found {answer.status} with {found} ({answer.request}). Is this the address of a registry?"
    )


def is_html(answer: Answer) -> bool:
    """Whether this is a page for people: a proxy's, a login form, a web site."""
    return answer.content_type == "text/html" or answer.body[:64].lstrip()[:1] == b"<"


def read_error(answer: Answer) -> tuple[str | None, str | None]:
    """The code and the message of an error's body, in whatever dialect; None where there is none.

    Spec: distribution-spec v1.1.1, "Error Codes". Token servers and proxies speak others: `error`
    with `error_description` (RFC 6749, section 5.2), `message`, `details`, or plain text.
    """
    if is_html(answer):
        return None, _HTML
    text = answer.body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None, _shown(answer, text)
    code, message = _dialect(document)
    return _shown(answer, code), _shown(answer, message)


def _dialect(document: Any) -> tuple[Any, Any]:
    if not isinstance(document, dict):
        return None, document if isinstance(document, str) else None
    errors = document.get("errors")
    if isinstance(errors, list) and errors:
        document = errors[0] if isinstance(errors[0], dict) else {"message": errors[0]}
    elif isinstance(errors, dict):
        document = errors
    for key in ("message", "error_description", "details", "detail"):
        if isinstance(document.get(key), str):
            return document.get("code", document.get("error")), document[key]
    return document.get("code"), document.get("error")


def _shown(answer: Answer, text: Any) -> str | None:
    """A server's words as one printable line of bounded length, without our secrets."""
    if not isinstance(text, str):
        return None
    for secret in answer.request.secrets:
        text = secret.hidden_in(text)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > _LONGEST_MESSAGE:
        line = line[: _LONGEST_MESSAGE - 1] + "…"
    return line or None
