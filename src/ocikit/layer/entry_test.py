from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidContent, InvalidInput, OcikitError
from ocikit.layer.entry import Entry, arrange

NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/"), min_size=1).filter(
    lambda name: name not in (".", "..") and not name.startswith(".wh.")
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


def file(path: str, **changes: Any) -> Entry:
    return replace(Entry(path, "file", 0o644, 0, 0, source=path), **changes)


def directory(path: str, mode: int = 0o755) -> Entry:
    return Entry(path, "directory", mode, 0, 0)


def link(path: str, target: str) -> Entry:
    return Entry(path, "symlink", 0o777, 0, 0, target=target)


@pytest.mark.parametrize(
    "path, message",
    [
        pytest.param("", "not a path in an image", id="empty"),
        pytest.param("/app", "not a path in an image", id="leading-slash"),
        pytest.param("app/", "not a path in an image", id="trailing-slash"),
        pytest.param("a//b", "not a path in an image", id="empty-part"),
        pytest.param("a/./b", "not a path in an image", id="dot"),
        pytest.param("a/../b", "not a path in an image", id="dot-dot"),
        pytest.param("a\0b", "control character", id="nul"),
        pytest.param("a\nb", "control character", id="newline"),
        pytest.param("a\x7fb", "control character", id="delete"),
        pytest.param("a\udc80b", "not UTF-8", id="surrogate"),
        pytest.param("app/.wh.main.py", 'starts with ".wh." means', id="whiteout"),
        pytest.param("app/.wh..wh..opq", 'starts with ".wh." means', id="opaque-whiteout"),
        pytest.param(".wh.app/main.py", 'starts with ".wh." means', id="whiteout-directory"),
    ],
)
def test_paths_that_no_layer_can_hold(path: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        file(path, source="x")


@pytest.mark.parametrize(
    "changes, message",
    [
        pytest.param({"kind": "fifo"}, '"fifo" is not a kind of entry', id="kind"),
        pytest.param({"mode": 0o10000}, "has the mode 10000", id="mode"),
        pytest.param({"mode": -1}, "has the mode", id="negative-mode"),
        pytest.param({"uid": -1}, "has the uid -1", id="uid"),
        pytest.param({"gid": 2**32 - 1}, "has the gid 4294967295", id="gid"),
        pytest.param({"source": ""}, "files need a source", id="file-without-source"),
        pytest.param({"target": "x"}, "symlinks need a target", id="file-with-target"),
        pytest.param({"kind": "directory"}, "others must not have one", id="directory-with-source"),
        pytest.param({"kind": "symlink", "source": ""}, "symlinks need a target", id="link-to-nothing"),
        pytest.param({"kind": "symlink", "source": "", "target": "a\nb"}, "link target", id="link-newline"),
    ],
)
def test_entries_that_no_layer_can_hold(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        file("a", **changes)


def test_order_is_by_path_components_and_parents_come_first() -> None:
    paths = [e.path for e in arrange([file("a/b"), file("a-b"), file("a/B"), file("ä"), file("a.b")])]
    assert paths == ["a", "a/B", "a/b", "a-b", "a.b", "ä"]


def test_missing_parents_have_the_modes_every_base_has() -> None:
    arranged = arrange([file("tmp/x"), file("var/tmp/x"), file("root/x"), file("app/x")])
    modes = {e.path: e.mode for e in arranged if e.kind == "directory"}
    assert modes == {
        "app": 0o755,
        "root": 0o700,
        "tmp": 0o1777,
        "var": 0o755,
        "var/tmp": 0o1777,
    }


def test_implicit_parents_yield_to_explicit_ones() -> None:
    entries = [file("app/x"), directory("app", 0o700), directory("app", 0o700), file("app/x")]
    assert arrange(entries) == (directory("app", 0o700), file("app/x"))


@pytest.mark.parametrize(
    "entries, message",
    [
        pytest.param(
            [file("app"), directory("app")],
            '^two different entries at one path: "/app" \\(directory, 0755, 0:0\\) and "/app" '
            '\\(file from "app", 0644, 0:0\\)\\.$',
            id="file-and-directory",
        ),
        pytest.param([file("a"), file("a", mode=0o600)], "two different entries", id="modes"),
        pytest.param([file("a"), file("a", source="b")], "two different entries", id="sources"),
        pytest.param([directory("a"), directory("a", 0o700)], "two different", id="directories"),
        pytest.param(
            [file("a"), file("a/b/c")],
            '^"/a/b/c" cannot be below "/a" \\(file from',
            id="below-a-file",
        ),
        pytest.param(
            [link("a", "b"), file("a/c")],
            '^"/a/c" cannot be below "/a" \\(symlink to "b"',
            id="below-a-link",
        ),
        pytest.param([link("a", "a")], "within 40 links: /a → /a\\.$", id="loop-of-one"),
        pytest.param([link("a", "/b"), link("b", "a")], "within 40 links: /a → /b → /a\\.$", id="loop-of-two"),
        pytest.param(
            [link("x/a", "../y/b/file"), link("y/b", "/x/a")],
            "within 40 links: /x/a → /y/b → /x/a\\.$",
            id="loop-through-directories",
        ),
        pytest.param(
            [link(f"l{n}", f"l{n + 1}") for n in range(41)],
            '"/l0" cannot be resolved',
            id="41-links",
        ),
    ],
)
def test_conflicting_entries(entries: list[Entry], message: str) -> None:
    for order in (entries, entries[::-1]):
        with pytest.raises(InvalidInput, match=message):
            arrange(order)


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([link("a", "b")], id="dangling"),
        pytest.param([link("a", "../../b")], id="above-the-root"),
        pytest.param([link("d/self", "."), file("d/x")], id="own-directory"),
        pytest.param([link("a", "b/x"), link("b", "d"), link("d/x", "../b/y")], id="twice-over-one"),
        pytest.param([link(f"l{n}", f"l{n + 1}") for n in range(40)], id="40-links"),
    ],
)
def test_links_that_resolve(entries: list[Entry]) -> None:
    assert set(entries) <= set(arrange(entries))


@given(st.lists(PATHS, max_size=20))
def test_arranging_is_stable_and_complete(paths: list[str]) -> None:
    try:
        arranged = arrange(file(path) for path in paths)
    except OcikitError:
        assert any(a.startswith(b + "/") for a in paths for b in paths)
        return
    assert arrange(reversed(arranged)) == arranged
    found = [entry.path for entry in arranged]
    assert found == sorted(set(found), key=lambda path: [p.encode() for p in path.split("/")])
    assert set(paths) <= set(found)
    for path in found:
        assert "/" not in path or path.rpartition("/")[0] in found[: found.index(path)]


@pytest.mark.parametrize("entry", [file("a/ü"), directory("a", 0o1777), link("a", "../b")], ids=str)
def test_json_round_trip(entry: Entry) -> None:
    assert Entry.from_json(entry.to_json()) == entry


def test_json_looks_like_this() -> None:
    assert file("app/main.py", source="src/main.py", uid=7).to_json() == {
        "path": "app/main.py",
        "kind": "file",
        "mode": "0644",
        "uid": 7,
        "gid": 0,
        "source": "src/main.py",
    }


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="empty"),
        pytest.param([], id="list"),
        pytest.param({**file("a").to_json(), "mode": 420}, id="mode-as-number"),
        pytest.param({**file("a").to_json(), "mode": "9"}, id="mode-not-octal"),
        pytest.param({**file("a").to_json(), "path": ".."}, id="path"),
    ],
)
def test_json_that_is_not_an_entry(document: Any) -> None:
    with pytest.raises(InvalidContent, match="not a layer entry"):
        Entry.from_json(document)
