"""Settings of containers as people write them: ports, variables, users, signals, health checks.

Every function returns the value as an image config has it: `ContainerSettings` takes it. Every function raises
InvalidInput with the value and what is valid. Spec: image-spec v1.1.1, config.md#properties, "config".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ocikit.errors import InvalidInput
from ocikit.spec.config import Healthcheck
from ocikit.whole_number import whole_number

__all__ = [
    "parse_annotations",
    "parse_duration",
    "parse_env",
    "parse_healthcheck",
    "parse_labels",
    "parse_port",
    "parse_stop_signal",
    "parse_user",
    "parse_volume",
    "parse_workdir",
]

_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
_NAME = r"[^\s:/]+"
_USER = re.compile(rf"{_NAME}(?::{_NAME})?")
_SIGNAL = re.compile(r"SIG[A-Z][A-Z0-9]*(?:[+-][0-9]{1,2})?")
_LARGEST_ID = 2**32 - 2
# Go's time.ParseDuration, which Docker reads healthchecks with; nanoseconds.
_UNITS = MappingProxyType(
    {
        "ns": 1,
        "us": 10**3,
        "µs": 10**3,
        "μs": 10**3,
        "ms": 10**6,
        "s": 10**9,
        "m": 60 * 10**9,
        "h": 3600 * 10**9,
    }
)
_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
# Docker refuses shorter durations: each check starts a process.
_SHORTEST = 10**6
_LONGEST = 2**63 - 1
_LONGEST_DURATION_TEXT = 100
_TEST_LENGTHS: Mapping[str, range] = MappingProxyType(
    {"NONE": range(1, 2), "CMD": range(2, 2**31), "CMD-SHELL": range(2, 3)}
)
_HEALTHCHECK_KEYS = ("test", "interval", "timeout", "start_period", "retries")


def parse_port(text: str) -> tuple[str, ...]:
    """Read "8080", "53/udp" or "8000-8010/tcp" as Docker's EXPOSE does: ("8080/tcp",) and so on."""
    found = _PORTS.fullmatch(text)
    if not found:
        raise _invalid(text, "a port", '"8080", "53/udp" or a range such as "8000-8010/tcp"')
    first = int(found[1])
    last = int(found[2] or first)
    if not 1 <= first <= last <= 65535:
        raise _invalid(text, "a port", "numbers from 1 to 65535, the lower one first")
    protocol = (found[3] or "tcp").lower()
    return tuple(f"{port}/{protocol}" for port in range(first, last + 1))


def parse_env(variables: Mapping[str, str]) -> dict[str, str]:
    """Check environment variables: a name is not empty and has no "="; names and values have no NUL."""
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name:
            raise _invalid(name, "a variable's name", 'at least one character, no "=" and no NUL')
        _check_nul(value, f'the value of the variable "{name}"')
    return dict(variables)


def parse_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Check the labels of an image config: names are not empty; names and values have no NUL."""
    return _named_texts(labels, "a label")


def parse_annotations(annotations: Mapping[str, str]) -> dict[str, str]:
    """Check the annotations of a manifest, as `parse_labels`. Spec: image-spec v1.1.1, annotations.md#rules."""
    return _named_texts(annotations, "an annotation")


def parse_user(text: str) -> str:
    """Check "user" or "user:group", each a name or a number from 0 to 2**32 - 2."""
    if not _USER.fullmatch(text) or not text.isprintable():
        raise _invalid(text, "a user", '"name", "uid", "name:group" or "uid:gid"')
    for part in text.split(":"):
        if part.isascii() and part.isdigit() and whole_number(part, _LARGEST_ID) is None:
            raise _invalid(text, "a user", f"numbers up to {_LARGEST_ID}")
    return text


def parse_workdir(text: str) -> str:
    """Check a working directory: an absolute path without ".."."""
    return _absolute_path(text, "a working directory")


def parse_volume(text: str) -> str:
    """Check the mount point of a volume: an absolute path without ".."."""
    return _absolute_path(text, "a volume")


def parse_stop_signal(text: str) -> str:
    """Check "SIGTERM", "SIGRTMIN+3" or a number from 1 to 64."""
    number = int(text) if re.fullmatch("[0-9]{1,2}", text) else 0
    if not _SIGNAL.fullmatch(text) and not 1 <= number <= 64:
        raise _invalid(text, "a signal", '"SIGTERM", "SIGRTMIN+3" or a number from 1 to 64')
    return text


def parse_healthcheck(document: Mapping[str, Any]) -> Healthcheck:
    """Read {"test": …, "interval": "30s", "timeout": …, "start_period": …, "retries": 3}.

    `test` is a command for the shell (a string), the words of a command (a list), or "NONE", which disables the health
    check of the base. Durations are as in `parse_duration`, and 0 or at least 1 ms.
    Source: Docker's HEALTHCHECK instruction.
    """
    unknown = sorted(str(key) for key in document if key not in _HEALTHCHECK_KEYS)
    if unknown:
        raise _invalid(unknown[0], "a key of a healthcheck", ", ".join(_HEALTHCHECK_KEYS))
    test = _healthcheck_test(document.get("test"))
    if test == ("NONE",) and len(document) > 1:
        raise InvalidInput('a healthcheck whose test is "NONE" is off: leave out everything else.')
    retries = document.get("retries", 0)
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise InvalidInput(f"the healthcheck's retries are {retries!r}: expected a whole number.")
    return Healthcheck(
        test,
        interval=_healthcheck_duration(document, "interval"),
        timeout=_healthcheck_duration(document, "timeout"),
        start_period=_healthcheck_duration(document, "start_period"),
        retries=retries,
    )


def parse_duration(text: str) -> int:
    """Read "30s", "1m30s", "1.5h" or "500ms" as Go does. Returns nanoseconds, 0 or more."""
    position, total = 0, 0
    while position < len(text) <= _LONGEST_DURATION_TEXT:
        part = _DURATION_PART.match(text, position)
        if not part or not (part[1] or part[2]):
            break
        unit, fraction = _UNITS[part[3]], part[2] or ""
        total += int(part[1] or 0) * unit + int(fraction or 0) * unit // 10 ** len(fraction)
        position = part.end()
    if text != "0" and (not text or position < len(text)):
        raise _invalid(text, "a duration", '"30s", "1m30s" or "500ms"')
    if total > _LONGEST:
        raise _invalid(text, "a duration", "at most 292 years")
    return total


def _healthcheck_test(test: Any) -> tuple[str, ...]:
    if isinstance(test, str) and test.strip():
        return ("NONE",) if test == "NONE" else ("CMD-SHELL", test)
    words = tuple(test) if isinstance(test, (list, tuple)) else ()
    # Docker's own keywords for the three forms are accepted.
    if words and (not isinstance(words[0], str) or words[0] not in _TEST_LENGTHS):
        words = ("CMD", *words)
    if not words or len(words) not in _TEST_LENGTHS[words[0]] or not all(isinstance(word, str) for word in words):
        raise InvalidInput(
            f"the healthcheck's test is {test!r}: expected a command, such as "
            '"curl -f http://localhost/" or ["/app/check", "--fast"], or "NONE".'
        )
    return words


def _healthcheck_duration(document: Mapping[str, Any], key: str) -> int:
    text: Any | None = document.get(key)
    if text is None:
        return 0
    if not isinstance(text, str):
        raise InvalidInput(f'the healthcheck\'s {key} is {text!r}: expected text, such as "30s".')
    duration = parse_duration(text)
    if 0 < duration < _SHORTEST:
        raise InvalidInput(f'the healthcheck\'s {key} is "{text}": expected at least "1ms", or "0s".')
    return duration


def _named_texts(texts: Mapping[str, str], kind: str) -> dict[str, str]:
    for name, value in texts.items():
        if not name.strip() or "\0" in name:
            raise _invalid(name, f"the name of {kind}", "visible characters and no NUL")
        _check_nul(value, f'the value of "{name}"')
    return dict(texts)


def _check_nul(value: str, what: str) -> None:
    if "\0" in value:
        raise InvalidInput(f"{what} has a NUL character: {value!r}.")


def _absolute_path(text: str, what: str) -> str:
    if not text.startswith("/") or "\0" in text or ".." in text.split("/"):
        raise _invalid(text, what, 'an absolute path without "..", such as "/app"')
    return text


def _invalid(text: str, what: str, expected: str) -> InvalidInput:
    return InvalidInput(f'"{text}" is not {what}: expected {expected}.')
