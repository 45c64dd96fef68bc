"""The page `docs/faults.md`, from the results of the cells."""

from __future__ import annotations

from collections.abc import Mapping

from faults.cell import Cell
from faults.matrix import Key
from faults.scenario import FAULTS, REQUESTS
from support.build_root import PROJECT

PAGE = PROJECT / "docs" / "faults.md"
UPDATE = "UPDATE_FAULTS"
# A test writes the page up to this heading; the rest is written by hand.
BY_HAND = "\n## How long it waits\n"

_HEAD = """\
# What a publish survives

<!-- Written by `UPDATE_FAULTS=1 ./test tests/faults/matrix_test.py`, which checks it; the end by hand. -->

Two images are pushed to a registry that requires tokens. They share a layer with each other and one with a base in the
same registry, and the tag of one of them names an older image. The registry accepts any manifest, even one that refers
to missing content. At one request of the push, a fault happens at the wire: once, or each time. Each cell shows the
result, first of the publish here and then of {peer}, image by image (`skopeo copy --retry-times 3`):

| | |
|---|---|
| ✓ | both images are published |
| ✗ | it fails with an error |
| ∞ | it waits without end |
| ! | it reports success, but has not published |
| † | it has sent its token to another host |
| ‼ | a tag names an incomplete image |
| · | its push has no such request |

For the publish here, each cell is a test that also checks these promises: a tag names the old image or the new one with
everything it needs; no other host receives a secret, and no message contains one; the next publish without the fault
finishes; an error names the image, the request and what was found. A transient fault (anything but 403, 404, 413, a
wrong digest, a page with 200, a redirect, or a token server that rejects the password) must not matter when it happens
once.

"Each time" refers to that kind of request alone: while the registry works otherwise, a publish can finish without a
response to a `HEAD` or a mount, which only save work.
"""

_FOOT = """
* In the columns `PATCH piece`, `GET upload` and `PUT end`, a proxy in front of the registry accepts no body above 1 MB,
  so a layer is uploaded in chunks. For `GET upload`, which asks how much has arrived, a chunk is cut first. skopeo
  uploads each layer in one `PATCH`, and is measured without the limit, which it cannot pass.
* "404" is a usual response to `HEAD`. After "413", a layer is uploaded in smaller chunks. A redirect of a `GET` or
  `HEAD` is followed, without credentials, to a host that has nothing here. A redirect of a token server is not
  followed. [Where else a registry may lead](registries.md#where-it-may-send-us) has its own page.
* Waiting has a limit: a request is tried five times, and a run waits [ten minutes at most](#how-long-it-waits).
  skopeo was stopped after {longest} seconds.

`tests/faults/skopeo.json` has the results of skopeo, written by the command in `tests/faults/skopeo.py`.
"""

_SHORT = {"PUT end of pieces": "PUT end"}
_MARKS = {
    "finished": "✓",
    "failed": "✗",
    "hung": "∞",
    "claimed": "!",
    "leaked": "†",
    "broken": "‼",
    "no such request": "·",
}


def page(cells: Mapping[Key, Cell], peer: str, peer_cells: Mapping[Key, str], longest: int) -> str:
    """Return the generated part of the page. `peer_cells`: outcomes, which are keys of `_MARKS`."""
    parts = [_HEAD.format(peer=peer)]
    for once, title in ((True, "It happens once"), (False, "It happens each time")):
        parts += [f"\n## {title}\n\n", *_table(cells, peer_cells, once=once)]
    return "".join([*parts, _FOOT.format(longest=longest)])


def _table(cells: Mapping[Key, Cell], peer_cells: Mapping[Key, str], *, once: bool) -> list[str]:
    rows = [["", *(_SHORT.get(request, request) for request in REQUESTS)], ["---", *(":-:" for _ in REQUESTS)]]
    for fault in FAULTS:
        keys = [Key(request, fault, once) for request in REQUESTS]
        rows.append([fault, *(f"{_mark(cells[key])} {_MARKS[peer_cells.get(key, 'no such request')]}" for key in keys)])
    return [f"| {' | '.join(row)} |\n" for row in rows]


def _mark(cell: Cell) -> str:
    if not cell.met:
        return "·"
    return "✓" if cell.pushed.finished else "✗"
