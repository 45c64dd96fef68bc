"""Requests and the answers that the specification wants, asked of the fake registry and of a real one.

Tests of the client against the fake prove something only as far as the fake is as strict as the specification, and as
odd as real registries: so both are asked the same. Where the real one (distribution 2.8) differs from the
specification, DIFFERENCES says how and why; one that no longer differs fails the test.
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
    "It appends a piece without a look at Content-Range: a piece that is sent twice spoils the blob, which only its "
    "digest tells. So a client has to ask how much has arrived, and must not count on 416."
)
_TAGS = "Its tags come in the order of the storage."

# Of distribution 2.8: at which step (from 0) it answers which status instead, and why.
DIFFERENCES: Mapping[str, tuple[int, int, str]] = {
    "blob-in-single-post": (0, 202, "It starts an upload: single POST is optional."),
    "pieces-out-of-order": (2, 202, _NO_CONTENT_RANGE),
    "first-piece-not-at-0": (1, 202, _NO_CONTENT_RANGE),
    "piece-twice": (2, 202, _NO_CONTENT_RANGE),
    "piece-span-not-its-size": (1, 202, _NO_CONTENT_RANGE),
    "manifest-of-layers-that-are-not-distributed": (
        4,
        500,
        "It takes such layers only with addresses that `validation.manifests.urls` allows, which is none by default.",
    ),
    "tags": (8, 200, _TAGS),
    "tags-none-wanted": (5, 200, "It takes n=0 for no limit."),
    "tags-in-an-order-without-case": (7, 200, _TAGS),
    "delete-tag": (5, 400, "It deletes manifests by digest only, which is allowed: 400 or 405."),
    "referrers": (5, 404, "It is older than the referrers API."),
}


@dataclass(frozen=True)
class Found:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Wire:
    """Plain HTTP, and nothing that helps."""

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
    """How an answer is not what was wanted."""
    wanted = (step.status,) if isinstance(step.status, int) else step.status
    if found.status not in wanted:
        yield f"wanted {step.status}, found {found.status}"
    lower = {name.lower(): value for name, value in found.headers.items()}
    for name, pattern in step.answered.items():
        value = lower.get(name.lower(), "")
        if not (re.search(f"{pattern}$", value) if pattern else not value):
            yield f'{name}: wanted "{pattern}", found "{value}"'
    if step.body is not None and found.body != step.body:
        yield f"body: wanted {step.body!r}, found {found.body!r}"
    if not step.code and not step.names:
        return
    try:
        document = json.loads(found.body)
    except ValueError:
        yield "wanted JSON"
        return
    codes = [error["code"] for error in document.get("errors", ())]
    if step.code and step.code not in codes:
        yield f"wanted {step.code}, found {codes}"
    for name, value in step.names.items():
        if document.get(name) != value:
            yield f"{name}: wanted {value}, found {document.get(name)}"


def _failures(address: str, key: str) -> list[tuple[int, int, str]]:
    """At which step, with which status, and what is wrong: of every step that is not answered as wanted."""
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
