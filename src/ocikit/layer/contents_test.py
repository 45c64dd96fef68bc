from __future__ import annotations

import pytest

from ocikit.errors import InvalidContent
from ocikit.layer.contents import File, FileChanges, compare, largest, overlay


def file(path: str, size: int = 1, **more: object) -> File:
    return File(path, "file", 0o644, size=size, digest=f"sha256:{size}", **more)  # type: ignore[arg-type]


def directory(path: str) -> File:
    return File(path, "directory", 0o755)


def white(path: str) -> File:
    return File(path, "whiteout")


def opaque(path: str) -> File:
    return File(path, "opaque")


A, B, C = file("a"), file("d/b"), file("d/e/c")
D = directory("d")
LINK = File("d", "symlink", 0o777, target="a")


@pytest.mark.parametrize(
    "layers, shown",
    [
        pytest.param([], [], id="nothing"),
        pytest.param([[A], [D, B]], ["a", "d", "d/b"], id="side-by-side"),
        pytest.param([[A], [file("a", 2)]], ["a"], id="replaced"),
        pytest.param([[A, D, B], [white("a")]], ["d", "d/b"], id="whiteout-of-a-file"),
        pytest.param([[A, D, B, C], [white("d")]], ["a"], id="whiteout-of-a-directory"),
        pytest.param([[A, D, B], [white("d"), D, C]], ["a", "d", "d/e/c"], id="whiteout-and-new-below-it"),
        pytest.param([[A, D, B], [D, opaque("d"), C]], ["a", "d", "d/e/c"], id="opaque"),
        pytest.param([[A, D, B], [opaque(""), C]], ["d/e/c"], id="opaque-root"),
        pytest.param([[A, D, B, C], [LINK]], ["a", "d"], id="link-over-a-directory"),
        pytest.param([[A, D, B], [directory("d")]], ["a", "d", "d/b"], id="directory-over-a-directory"),
        pytest.param([[D, B], [white("d/b")], [B]], ["d", "d/b"], id="removed-and-back"),
        pytest.param([[A, file("ab")], [white("a")]], ["ab"], id="a-name-that-begins-the-same"),
    ],
)
def test_what_layers_show_together(layers: list[list[File]], shown: list[str]) -> None:
    tree = overlay(layers)
    assert sorted(tree.files) == shown
    assert tree.hidden == frozenset()


def test_the_upper_file_counts_and_its_layer_is_known() -> None:
    assert overlay([[A, B], [file("a", 2)]]).files == {"a": (1, file("a", 2)), "d/b": (0, B)}


def test_what_is_hidden_below_layers_that_are_not_known() -> None:
    tree = overlay([[A], [white("a"), white("x"), opaque("d")]], whole=False)
    assert tree.hidden == {"x", "d/"}
    assert tree.files == {}


def test_the_largest() -> None:
    tree = overlay([[file("a", 5), file("b", 7)], [file("c", 7), directory("d"), file("e", 6), white("e")]])
    assert [(number, one.path) for number, one in largest(tree, 3)] == [(0, "b"), (1, "c"), (1, "e")]
    assert largest(tree, 0) == ()


@pytest.mark.parametrize(
    "before, after, whole, changes",
    [
        pytest.param([A, B], [B, A], True, FileChanges(), id="equal"),
        pytest.param([A], [A, C, B], True, FileChanges(added=(B, C)), id="added"),
        pytest.param([A, B], [B], True, FileChanges(removed=(A,)), id="removed"),
        pytest.param([A], [file("a", 2)], True, FileChanges(changed=((A, file("a", 2)),)), id="content"),
        pytest.param([A], [file("a", uid=7)], True, FileChanges(changed=((A, file("a", uid=7)),)), id="owner"),
        pytest.param([D], [LINK], True, FileChanges(changed=((D, LINK),)), id="kind"),
        pytest.param([A], [A, white("x")], True, FileChanges(), id="whiteout-of-nothing"),
        pytest.param([A], [A, white("x")], False, FileChanges(removed=(white("x"),)), id="whiteout-of-something"),
        pytest.param([A, white("x")], [A], False, FileChanges(added=(white("x"),)), id="whiteout-taken-back"),
        pytest.param([white("x")], [white("x")], False, FileChanges(), id="same-whiteout"),
        pytest.param([], [white("x"), file("x")], False, FileChanges(added=(file("x"),)), id="whiteout-and-new-file"),
    ],
)
def test_how_trees_differ(before: list[File], after: list[File], whole: bool, changes: FileChanges) -> None:
    found = compare(overlay([before], whole=whole), overlay([after], whole=whole))
    assert found == changes
    assert bool(found) == (changes != FileChanges())


@pytest.mark.parametrize("one", [A, D, LINK, white("x")])
def test_rows_are_read_back(one: File) -> None:
    assert File.from_row(one.to_row()) == one


def test_an_invalid_row() -> None:
    with pytest.raises(InvalidContent, match="not a layer's file"):
        File.from_row([1] * 9)


def test_json_has_what_the_kind_has() -> None:
    assert D.to_json() == {"path": "/d", "kind": "directory", "mode": "0755", "owner": "0:0"}
    assert LINK.to_json()["target"] == "a"
    assert file("a", 0).to_json()["size"] == 0
