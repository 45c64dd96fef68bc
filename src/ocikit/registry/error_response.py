"""Exceptions for responses that refuse a request or violate the specification."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
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
from ocikit.printable import printable
from ocikit.registry.http import Response
from ocikit.registry.scrubber import LONGEST, Scrubber
from ocikit.spec.canonical_json import MAX_SIZE, beyond_limits

_KINDS: Mapping[int, type[RegistryError]] = MappingProxyType(
    {
        401: Unauthorized,
        403: Denied,
        405: Denied,
        429: TooManyRequests,
    }
)
_LONGEST_MESSAGE = 300
_LARGEST_ERROR = 64 * 1024
# Docker's and OCI's `code`; Google's `status`; RFC 6749's `error`; Amazon's `__type`.
_CODES = ("code", "status", "error", "__type")
_MESSAGES = ("message", "Message", "error_description", "details", "detail")
_IMMUTABLE_STATUSES = (400, 403, 405, 409, 412)
_IMMUTABLE_CODES = ("alreadyexists", "immutable")
_IMMUTABLE_WORDS = ("immutable", "cannot be overwritten", "tag already exists", "not allow updating")
_WARNING = re.compile(r'299[ \t]+\S+[ \t]+"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
# RFC 6838, section 4.2.
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_HTML = "an HTML page, not a registry's response"


def failure(answer: Response, expected: str, advice: str | None = None) -> OcikitError:
    """The exception for a response whose status is not `expected` (in words).

    404 is NotFound, other refusals are RegistryError and its subclasses, any status below 400 is ProtocolViolation.
    `advice`: what the user can do. Spec: distribution-spec v1.1.1, "Error Codes".
    """
    request = answer.request
    if answer.status < 400:
        return violation(answer, expected)
    code, message = read_error(answer)
    kind = _KINDS.get(answer.status, RegistryError)
    error = kind(
        method=request.method,
        url=request.address,
        status=answer.status,
        code=code,
        message=message,
        advice=advice,
    )
    return NotFound(str(error)) if answer.status == 404 else error


def is_immutable_tag(error: BaseException) -> bool:
    """Whether a manifest was refused because its tag is immutable.

    No error code is defined for it. ECR sends 400 TAG_INVALID "… cannot be overwritten because the tag is immutable"
    (moby/buildkit#3776) and ImageTagAlreadyExistsException (aws/containers-roadmap#2179); Harbor 412 "… configured as
    immutable"; Google 400 or 409 with "immutable"; Nexus 400 "does not allow updating".
    """
    if not isinstance(error, RegistryError) or error.status not in _IMMUTABLE_STATUSES or error.method != "PUT":
        return False
    code, message = (error.code or "").lower().replace("_", ""), (error.message or "").lower()
    return any(word in code for word in _IMMUTABLE_CODES) or any(words in message for words in _IMMUTABLE_WORDS)


def advice_on(answer: Response) -> str | None:
    """What the user can do about a refusal, if the response alone shows it."""
    if answer.status == 405 and answer.request.method not in ("GET", "HEAD"):
        return "The registry accepts no uploads: it is read-only, or a mirror of another registry."
    if answer.status == 400 and answer.request.url.startswith("http:"):
        return "The request used plain HTTP; if the registry requires TLS, set `ca_file` to its certificate authority."
    return None


def violation(answer: Response, expected: str) -> ProtocolViolation:
    """The exception for a response that violates the specification; `expected` in words."""
    found = _HTML if is_html(answer) else _media_type(answer)
    return ProtocolViolation(
        f"expected {expected}, got {answer.status} with {found} ({answer.request}). Is this the address of a registry?"
    )


def is_html(answer: Response) -> bool:
    """Whether a response is an HTML page: a proxy's, a login form, a web site."""
    return answer.content_type == "text/html" or answer.body[:64].lstrip()[:1] == b"<"


def read_error(answer: Response) -> tuple[str | None, str | None]:
    """The code and the message of an error response, in any dialect; None for each that is missing.

    Spec: distribution-spec v1.1.1, "Error Codes". Token servers and proxies use other dialects: `error` with
    `error_description` (RFC 6749, section 5.2) or with an object, `message`, `details`, or plain text.
    """
    if is_html(answer):
        return None, _HTML
    # An error is a page of text at most; parsing more could exhaust the memory.
    text = answer.body[:_LARGEST_ERROR].decode("utf-8", "replace")
    try:
        # Lone surrogates are allowed: the text is made printable.
        document = text if beyond_limits(len(text), text, MAX_SIZE) else json.loads(text)
    except ValueError:
        return None, _shown(answer, text)
    code, message = _dialect(document)
    return _shown(answer, code), _shown(answer, message)


def read_warnings(header: str, scrubber: Scrubber | None = None) -> tuple[str, ...]:
    """The texts of a `Warning` header. Spec: distribution-spec v1.1.1, "Warnings"."""
    texts = (_line(_ESCAPED.sub(r"\1", text), scrubber) for text in _WARNING.findall(header))
    return tuple(text for text in texts if text)


def shown(answer: Response, text: str) -> str:
    """A server's text as one printable line of bounded length, without our secrets."""
    return _line(text, answer.request.scrubber)


def _dialect(document: Any) -> tuple[Any, Any]:
    if not isinstance(document, dict):
        return None, document if isinstance(document, str) else None
    errors = document.get("errors")
    if isinstance(errors, list) and errors:
        document = errors[0] if isinstance(errors[0], dict) else {"message": errors[0]}
    elif isinstance(errors, dict):
        document = errors
    elif isinstance(document.get("error"), dict):
        document = document["error"]
    code = next((document[key] for key in _CODES if isinstance(document.get(key), str)), None)
    for key in _MESSAGES:
        if isinstance(document.get(key), str) and document[key]:
            return code, document[key]
    # Without another text, `error` is the message.
    return (None if code == document.get("error") else code), document.get("error")


def _shown(answer: Response, text: Any) -> str | None:
    return (shown(answer, text) or None) if isinstance(text, str) else None


def _line(text: str, scrubber: Scrubber | None) -> str:
    # Scrub before cutting: half a secret would not be recognised.
    text = scrubber.scrubbed(text) if scrubber else text[:LONGEST]
    return printable(" ".join(text.split()), _LONGEST_MESSAGE)


def _media_type(answer: Response) -> str:
    found = answer.content_type
    if _MEDIA_TYPE.fullmatch(found):
        return shown(answer, found)
    return f"an invalid content type of {len(found)} characters" if found else "no content type"
