"""Each request of a push with each fault: the promises hold, and a short fault does not matter."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

import pytest

from faults.cell import Cell, Downtime, Pushed
from faults.matrix import Key, run_matrix
from faults.page import BY_HAND, PAGE, UPDATE, page
from faults.publishing import publish
from faults.scenario import FAULTS, PASSWORD, REPOSITORIES, REQUESTS, USER, Request, images_for, kinds_of, seed
from faults.skopeo import LONGEST_SECONDS, read_record
from ocikit.testing import FakeRegistry

# Texts of a library or of Python about itself, not about a registry.
_FOR_DEVELOPERS = re.compile(r"Traceback|Error\(|Exception|object at 0x|urllib3|requests\.|\bNone\b|\n|( or \d+){4}")


@pytest.fixture(scope="module")
def cells() -> Mapping[Key, Cell]:
    return run_matrix(publish)


def _recorded(request: Request) -> tuple[Pushed, list[str]]:
    """A push without faults, except those that the request needs in order to be made."""
    with FakeRegistry("token", username=USER, password=PASSWORD) as registry:
        seed(registry)
        registry.faults = request.steady()
        pushed = publish(registry, images_for(request), Downtime(registry, returns=False))
        return pushed, [f"{r.method} {r.path}" for r in registry.requests]


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=list(REQUESTS))
def test_a_push_has_the_request_and_no_other_kind(request_: Request) -> None:
    pushed, lines = _recorded(request_)
    assert pushed.finished
    assert request_.shown in {kind for line in lines for kind in kinds_of(line)}
    assert [line for line in lines if not kinds_of(line)] == []


@pytest.mark.parametrize("once", [True, False], ids=["once", "each-time"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("request_", REQUESTS)
def test_cell(cells: Mapping[Key, Cell], request_: str, fault: str, once: bool) -> None:
    cell = cells[Key(request_, fault, once)]
    assert cell.met
    assert cell.broken == ()
    assert [text for error in cell.pushed.errors for text in _complaints(error)] == []
    if once and FAULTS[fault].transient and (request_, fault) != ("token", "401 in the middle"):
        assert cell.pushed.finished, cell.pushed.errors


def _complaints(error: str) -> Iterator[str]:
    """Yield what an error for people lacks, or should not contain."""
    if not error.startswith(tuple(f"{repository}:" for repository in REPOSITORIES)):
        yield f"it names no target: {error}"
    if not re.search(r"(GET|HEAD|PATCH|POST|PUT) http://127\.0\.0\.1:\d+/", error):
        yield f"it names no request: {error}"
    if not re.search(r"answered \d{3}|found|got |connection was|no response", error):
        yield f"it does not say what was found: {error}"
    if _FOR_DEVELOPERS.search(error) or len(error) > 700:
        yield f"it is not for people: {error}"


def test_the_page_is_up_to_date(cells: Mapping[Key, Cell]) -> None:
    version, peer_cells = read_record()
    expected = page(cells, version.replace(" version", ""), peer_cells, LONGEST_SECONDS)
    found, mark, by_hand = PAGE.read_text().partition(BY_HAND)
    if os.environ.get(UPDATE):
        PAGE.write_text(expected + mark + by_hand)
        found = expected
    assert found == expected, f"{UPDATE}=1 ./test tests/faults/matrix_test.py writes it again"
