from __future__ import annotations

import pytest

from ocikit.errors import InvalidInput
from pants_oci.deploy.committed_text import (
    Difference,
    changed_lines,
    common_folder,
    compare,
    rendered_folder,
    within,
)


@pytest.mark.parametrize(
    "own, paths, folder",
    [
        ("deploy/web", ["deploy/web/a.yaml", "deploy/web/sub/b.yaml"], "deploy/web"),
        ("deploy/web", ["deploy/web/a.yaml", "deploy/base/b.yaml"], "deploy"),
        ("deploy/web", ["deploy/web2/a.yaml"], "deploy"),
        ("deploy/web", ["charts/a.yaml"], ""),
        ("deploy/web", ["a.yaml"], ""),
        ("deploy/web", [], "deploy/web"),
        ("", ["a.yaml"], ""),
    ],
)
def test_common_folder(own: str, paths: list[str], folder: str) -> None:
    assert common_folder(own, paths) == folder


@pytest.mark.parametrize(
    "own, value, folder",
    [
        ("deploy", "rendered", "deploy/rendered"),
        ("deploy", "rendered/", "deploy/rendered"),
        ("deploy", "../rendered/web", "rendered/web"),
        ("deploy", ".", "deploy"),
        ("", "rendered", "rendered"),
        ("deploy", "..data", "deploy/..data"),
    ],
)
def test_rendered_folder(own: str, value: str, folder: str) -> None:
    assert rendered_folder(own, value) == folder


@pytest.mark.parametrize("own, value", [("deploy", ""), ("deploy", ".."), ("a", "../../b"), ("", "."), ("a", "/b")])
def test_a_folder_outside_the_build_root_is_rejected(own: str, value: str) -> None:
    with pytest.raises(InvalidInput, match="below the build root"):
        rendered_folder(own, value)


def test_paths_within_a_folder() -> None:
    assert within("a/b", ["a/b/c", "a/bc", "a/b"]) == ("a/b/c",)


def test_files_are_compared() -> None:
    rendered = {"same": b"1", "stale": b"1", "missing": b"1"}
    committed = {"same": b"1", "stale": b"2", "old/web.yaml": b"1", "BUILD": b"", "old/BUILD.pants": b""}
    difference = compare(rendered, committed)
    assert difference == Difference(("stale",), ("missing",), ("old/web.yaml",))
    assert list(difference.lines("out")) == [
        "out/stale is stale",
        "out/missing is missing",
        "out/old/web.yaml is left over: nothing renders it",
    ]
    assert difference
    assert not compare(rendered, rendered)


def test_changed_lines_have_no_context() -> None:
    assert list(changed_lines(b"a\nb\nc\n", b"a\nB\nc\n")) == ["@@ -2 +2 @@", "-b", "+B"]


def test_many_changed_lines_are_counted() -> None:
    lines = list(changed_lines(b"", b"x\n" * 50))
    assert len(lines) == 21
    assert lines[-1] == "… and 31 more lines"


def test_binary_files_are_compared() -> None:
    assert list(changed_lines(b"\xff", b"a"))
