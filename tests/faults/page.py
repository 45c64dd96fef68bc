"""The page `docs/faults.md`, from what happened in the cells."""

from __future__ import annotations

from collections.abc import Mapping

from faults.cell import Cell
from faults.matrix import Key
from faults.scenario import FAULTS, REQUESTS
from support.build_root import PROJECT

PAGE = PROJECT / "docs" / "faults.md"
UPDATE = "UPDATE_FAULTS"
# Before this the page is written by a test, and from this on by hand.
BY_HAND = "\n## How long it waits\n"

_HEAD = """\
# What a publish survives

<!-- Written by `UPDATE_FAULTS=1 ./test tests/faults/matrix_test.py`, which checks it; the end by hand. -->

Two images are pushed to a registry that asks for tokens. They share a layer with each other and one with a base in the
same registry, and the tag of one of them names an older image. The registry takes any manifest, whether or not it has
what that names. At one request of the push something goes wrong at the wire: once, or each time. Each cell says how it
ends, first here and then with {peer}, image by image (`skopeo copy --retry-times 3`):

| | |
|---|---|
| ✓ | both images are published |
| ✗ | it fails, and says why |
| ∞ | it waits for ever |
| ! | it says that it has published, and has not |
| † | it has told another host its token |
| ‼ | a tag names something incomplete |
| · | its push has no such request |

Of the publish here, each cell is a test that checks more: whatever happens, a tag names the old image or the new one
with everything it needs; no other host is told a secret, and no message has one; the next publish without the fault
finishes; an error names the image, the request and what was found. What is only for a moment (anything but 403, 404,
413, a wrong digest, a page with 200, a redirect, or a token server that finds the password wrong) must not matter when
it happens once.

"Each time" is each time for that kind of request alone: while the registry is well otherwise, a publish can finish
without an answer to a `HEAD` or a mount, which only save it work.
"""

_FOOT = """
* In the columns `PATCH piece`, `GET upload` and `PUT end` a proxy before the registry takes no body above 1 MB, so that
  a layer travels in pieces; for `GET upload`, which asks how much has arrived, a piece is cut first. skopeo sends each
  layer whole, with `PATCH`, and is measured without the limit, which it cannot pass.
* "404" to `HEAD` is a usual answer, "413" to a layer is answered with smaller pieces, and a redirect of a `GET` or
  `HEAD` is followed: without credentials, to a host that here knows nothing. A redirect of a token server is not
  followed. [Where else a registry may lead](registries.md#where-it-may-send-us) has its own page.
* Waiting has an end: a request is tried five times, and a run waits [ten minutes at most](#how-long-it-waits).
  skopeo's waiting was ended after {longest} seconds.

How skopeo fares is written down in `tests/faults/skopeo.json`, by the command in `tests/faults/skopeo.py`.
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
    """`peer_cells`: outcomes in the words of `_MARKS`."""
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
