"""Requests and responses of the specification, checked against the fake registry and a real one.

Tests with the fake prove something only as far as the fake is as strict as the specification and as odd as real
registries, so both get the same requests. DIFFERENCES lists where the real one (distribution 2.8) differs from the
specification, and why; an entry without a difference fails the test.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from ocikit.testing import FakeRegistry
from ocikit.testing.fake_faults import NO_FAULTS
from support.registry_process import registry_process
from support.specification import CASES
from support.specification_case import Step

_NO_CONTENT_RANGE = (
    "It appends a chunk without checking Content-Range, so a chunk that is sent twice corrupts the blob, which only "
    "the digest reveals. A client has to ask how much has arrived, and must not rely on 416."
)
_TAGS = "It lists tags in the order of the storage."

# By case of distribution 2.8: the step (from 0), the status of the response there, and why.
DIFFERENCES: Mapping[str, tuple[int, int, str]] = {
    "blob-in-single-post": (0, 202, "It starts an upload: single POST is optional."),
    "pieces-out-of-order": (2, 202, _NO_CONTENT_RANGE),
    "first-piece-not-at-0": (1, 202, _NO_CONTENT_RANGE),
    "piece-twice": (2, 202, _NO_CONTENT_RANGE),
    "piece-span-not-its-size": (1, 202, _NO_CONTENT_RANGE),
    "manifest-of-layers-that-are-not-distributed": (
        4,
        500,
        "It accepts such layers only with URLs that `validation.manifests.urls` allows; the default allows none.",
    ),
    "tags": (8, 200, _TAGS),
    "tags-limited-to-0": (5, 200, "It treats n=0 as no limit."),
    "tags-in-an-order-without-case": (7, 200, _TAGS),
    "delete-tag": (5, 400, "It deletes manifests by digest only, which is allowed: 400 or 405."),
    "referrers": (5, 404, "It predates the referrers API."),
}


@dataclass(frozen=True)
class Found:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Wire:
    """A client of plain HTTP without retries, redirects or credentials."""

    def __init__(self, address: str, name: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=30)
        self._name = name
        self._location = ""

    def send(self, step: Step) -> Found:
        method, _, path = step.request.partition(" ")
        path = path.replace("{name}", self._name).replace("{location}", self._location)
        self._connection.request(method, path, step.sent or None, dict(step.headers))
        response = self._connection.getresponse()
        found = Found(response.status, dict(response.getheaders()), _read(response))
        if "Location" in found.headers:
            location = urlsplit(found.headers["Location"])
            self._location = f"{location.path}?{location.query}&" if location.query else f"{location.path}?"
        return found

    def close(self) -> None:
        self._connection.close()


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read()
    except http.client.IncompleteRead as error:
        # distribution 2.8 announces a body with 416, and sends none.
        return error.partial


def _complaints(step: Step, found: Found) -> Iterator[str]:
    """Yield each difference between a response and the expected one."""
    expected = (step.status,) if isinstance(step.status, int) else step.status
    if found.status not in expected:
        yield f"expected {step.status}, got {found.status}"
    lower = {name.lower(): value for name, value in found.headers.items()}
    for name, pattern in step.answered.items():
        value = lower.get(name.lower(), "")
        if not (re.search(f"{pattern}$", value) if pattern else not value):
            yield f'{name}: expected "{pattern}", got "{value}"'
    if step.body is not None and found.body != step.body:
        yield f"body: expected {step.body!r}, got {found.body!r}"
    if not step.code and not step.names:
        return
    try:
        document = json.loads(found.body)
    except ValueError:
        yield "expected JSON"
        return
    codes = [error["code"] for error in document.get("errors", ())]
    if step.code and step.code not in codes:
        yield f"expected {step.code}, got {codes}"
    for name, value in step.names.items():
        if document.get(name) != value:
            yield f"{name}: expected {value}, got {document.get(name)}"


def _failures(address: str, key: str) -> list[tuple[int, int, str]]:
    """Return the number, the status and the difference of every step with an unexpected response."""
    wire = _Wire(address, f"spec/{key.lower()}")
    failures = []
    try:
        for number, step in enumerate(CASES[key].steps):
            found = wire.send(step)
            shown = f"{step.request}: {found.status} {dict(found.headers)} {found.body[:300]!r}"
            failures += [(number, found.status, f"{text} ({shown})") for text in _complaints(step, found)]
    finally:
        wire.close()
    return failures


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry_process(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.mark.parametrize("key", CASES)
def test_the_fake_registry(key: str) -> None:
    with FakeRegistry(faults=CASES[key].faults) as registry:
        assert _failures(registry.address, key) == []


@pytest.mark.parametrize("key", [key for key, case in CASES.items() if case.faults == NO_FAULTS])
def test_a_real_registry(real: str, key: str) -> None:
    failures = _failures(real, key)
    if key not in DIFFERENCES:
        assert failures == []
        return
    step, status, why = DIFFERENCES[key]
    assert (step, status) in [(number, found) for number, found, _ in failures], f"{why}: {failures}"
    assert min(number for number, _, _ in failures) == step


def test_no_difference_is_left_over() -> None:
    assert set(DIFFERENCES) - set(CASES) == set()
