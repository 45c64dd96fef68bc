from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidInput
from ocikit.layer.placement import Owner, Placement, Source, parse_mode, place

MAIN = Source("src/app/main.py", "src/app:lib", content="1")
TOOL = Source("src/app/bin/tool", "src/app:tool", executable=True, content="2")


def placed(sources: list[Source], **fields: Any) -> dict[str, str]:
    """Path → "kind mode owner" of what `place` gives."""
    return {e.path: f"{e.kind} {e.mode:04o} {e.uid}:{e.gid}" for e in place(sources, Placement(**fields))}


def test_files_go_below_the_directory_as_root_with_plain_modes() -> None:
    assert placed([MAIN, TOOL], directory="/srv/shop", strip_prefix="src/") == {
        "srv": "directory 0755 0:0",
        "srv/shop": "directory 0755 0:0",
        "srv/shop/app": "directory 0755 0:0",
        "srv/shop/app/bin": "directory 0755 0:0",
        "srv/shop/app/bin/tool": "file 0755 0:0",
        "srv/shop/app/main.py": "file 0644 0:0",
    }


def test_owner_and_modes_hold_from_the_directory_on() -> None:
    assert placed(
        [MAIN, TOOL],
        directory="/srv/shop",
        strip_prefix="src/app",
        owner=Owner(1000, 1001),
        file_mode=0o640,
        directory_mode=0o750,
        symlinks={"current": "main.py", "/usr/bin/shop": "/srv/shop/bin/tool"},
    ) == {
        "srv": "directory 0755 0:0",
        "srv/shop": "directory 0750 1000:1001",
        "srv/shop/bin": "directory 0750 1000:1001",
        "srv/shop/bin/tool": "file 0640 1000:1001",
        "srv/shop/current": "symlink 0777 1000:1001",
        "srv/shop/main.py": "file 0640 1000:1001",
        "usr": "directory 0755 0:0",
        "usr/bin": "directory 0755 0:0",
        "usr/bin/shop": "symlink 0777 1000:1001",
    }


def test_files_are_renamed_after_the_prefix_is_stripped() -> None:
    found = placed(
        [MAIN, TOOL], directory="/srv", strip_prefix="src/app", rename={"main.py": "a/b.py", "bin/tool": "tool"}
    )
    assert found == {
        "srv": "directory 0755 0:0",
        "srv/a": "directory 0755 0:0",
        "srv/a/b.py": "file 0644 0:0",
        "srv/tool": "file 0755 0:0",
    }


@pytest.mark.parametrize(
    "rename, message",
    [
        (
            {"nope": "x"},
            '"nope" cannot be renamed: there is no such file; available: "src/app/main.py", "src/app/bin/tool".',
        ),
        ({"/a": "x"}, '"/a" cannot be renamed to "x": expected two paths relative to the directory.'),
        ({"a": "/x"}, '"a" cannot be renamed to "/x"'),
        ({"a": ""}, '"a" cannot be renamed to ""'),
        ({"src/app/main.py": "../x"}, 'must not contain ".."'),
        ({"src/app/main.py": "src/app/bin/tool"}, 'two files at one path: "/src/app/bin/tool"'),
    ],
)
def test_invalid_renames(rename: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        placed([MAIN, TOOL], rename=rename)
    assert message in str(caught.value)


def test_directories_of_every_base_stay_as_they_are() -> None:
    sources = [Source(path, "a:a") for path in ("etc/a.conf", "tmp/a", "app/a")]
    found = placed(sources, owner=Owner(7, 7), directory_mode=0o700)
    assert found["etc"] == "directory 0755 0:0"
    assert found["tmp"] == "directory 1777 0:0"
    assert found["app"] == "directory 0700 7:7"


def test_a_named_directory_of_every_base_gets_the_owner_and_keeps_its_mode() -> None:
    assert placed([Source("a", "a:a")], directory="/tmp", owner=Owner(7, 7)) == {
        "tmp": "directory 1777 7:7",
        "tmp/a": "file 0644 7:7",
    }


def test_an_empty_directory_is_placed_too() -> None:
    sources = [Source("src/data", "a:a", kind="directory"), Source("src", "a:a", kind="directory")]
    assert placed(sources, directory="/app", strip_prefix="src") == {
        "app": "directory 0755 0:0",
        "app/data": "directory 0755 0:0",
    }


def test_a_link_of_the_build_keeps_its_text() -> None:
    (entry,) = place([Source("a", "a:a", kind="symlink", target="../b")], Placement())
    assert (entry.path, entry.target, entry.mode) == ("a", "../b", 0o777)


def test_the_source_is_the_path_in_the_build() -> None:
    entries = place([MAIN], Placement(directory="/app", strip_prefix="src/app"))
    assert [(e.path, e.source) for e in entries] == [("app", ""), ("app/main.py", MAIN.path)]


@pytest.mark.parametrize("directory", ["/", "/app", "/app/", "/./app//"])
def test_nothing_gives_at_most_the_directory(directory: str) -> None:
    assert list(placed([], directory=directory)) == ([] if directory == "/" else ["app"])


@pytest.mark.parametrize(
    "sources, fields, message",
    [
        pytest.param(
            [MAIN, Source("lib/x.py", "lib:lib")],
            {"strip_prefix": "src"},
            'the prefix "src" cannot be stripped: "lib/x.py" of lib:lib is not below it.',
            id="outside-the-prefix",
        ),
        pytest.param(
            [MAIN],
            {"strip_prefix": "src/ap"},
            'the prefix "src/ap" cannot be stripped: "src/app/main.py" of src/app:lib is not below',
            id="prefix-is-by-components",
        ),
        pytest.param(
            [MAIN],
            {"strip_prefix": MAIN.path},
            f'"{MAIN.path}" of src/app:lib is',
            id="prefix-is-it",
        ),
        pytest.param([], {"strip_prefix": "src"}, "no file is below it", id="prefix-of-nothing"),
        pytest.param([MAIN], {"strip_prefix": "/src"}, 'must be relative: "src"', id="prefix-root"),
        pytest.param([MAIN], {"strip_prefix": "../src"}, 'must not contain ".."', id="prefix-out"),
        pytest.param([MAIN], {"directory": "app"}, 'an absolute path, "/app"', id="relative"),
        pytest.param([MAIN], {"directory": ""}, "expected an absolute path", id="no-directory"),
        pytest.param([MAIN], {"directory": "/a/../b"}, 'must not contain ".."', id="directory-out"),
        pytest.param([MAIN], {"symlinks": {"../a": "b"}}, 'must not contain ".."', id="link-out"),
        pytest.param([MAIN], {"symlinks": {"/": "b"}}, "expected a path and a target", id="link-at-root"),
        pytest.param([MAIN], {"symlinks": {"a": ""}}, "expected a path and a target", id="link-to-nothing"),
        pytest.param(
            [Source("app/x", "a:one", content="1"), Source("app/x", "b:two", content="2")],
            {},
            'two files at one path: "/app/x" comes from a:one and from b:two.',
            id="two-contents",
        ),
        pytest.param(
            [Source("x", "a:one"), Source("x", "b:two", executable=True)],
            {},
            'two files at one path: "/x" comes from a:one and from b:two.',
            id="two-modes",
        ),
        pytest.param(
            [Source("app/x", "a:one")],
            {"symlinks": {"/app/x": "y"}},
            '"/app/x" comes from a:one and from `symlinks`.',
            id="file-and-link",
        ),
        pytest.param([Source("a/x", "a:one")], {"symlinks": {"a": "b"}}, "cannot be below", id="below-a-link"),
        pytest.param([Source("a/.wh.x", "a:one")], {}, "means there that a lower", id="whiteout"),
    ],
)
def test_what_cannot_be_placed(sources: list[Source], fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        place(sources, Placement(**fields))
    assert message in str(raised.value)


def test_equal_sources_are_one() -> None:
    sources = [Source("x", "a:one", content="1"), Source("x", "b:two", content="1")]
    assert list(placed(sources)) == ["x"]


@given(st.permutations([MAIN, TOOL, Source("z", "z:z"), Source("e", "e:e", kind="directory")]))
def test_the_order_of_sources_does_not_matter(sources: list[Source]) -> None:
    assert place(sources, Placement()) == place(sorted(sources, key=str), Placement())


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("1000:1001", Owner(1000, 1001), id="both"),
        pytest.param("1000", Owner(1000, 1000), id="user-alone"),
        pytest.param("0:0", Owner(0, 0), id="root"),
        pytest.param("4294967294", Owner(4294967294, 4294967294), id="largest"),
        pytest.param("4294967295", None, id="too-large"),
        pytest.param("app:app", None, id="names"),
        pytest.param("1000:app", None, id="group-name"),
        pytest.param("", None, id="empty"),
        pytest.param("1:", None, id="no-group"),
        pytest.param(":1", None, id="no-user"),
        pytest.param("1:2:3", None, id="three"),
        pytest.param("-1", None, id="negative"),
        pytest.param("²", None, id="not-an-ascii-digit"),
        pytest.param("1\n", None, id="newline"),
    ],
)
def test_owners(text: str, expected: Owner | None) -> None:
    if expected is None:
        with pytest.raises(InvalidInput, match="is not an owner"):
            Owner.parse(text)
    else:
        assert Owner.parse(text) == expected
        assert Owner.parse(str(expected)) == expected


def test_a_name_is_refused_with_the_reason() -> None:
    with pytest.raises(InvalidInput, match="/etc/passwd"):
        Owner.parse("www-data")


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("644", 0o644, id="three"),
        pytest.param("0755", 0o755, id="four"),
        pytest.param("1777", 0o1777, id="sticky"),
        pytest.param("7777", 0o7777, id="largest"),
        pytest.param("", None, id="empty"),
        pytest.param("64", None, id="two"),
        pytest.param("00644", None, id="five"),
        pytest.param("0o644", None, id="python"),
        pytest.param("0888", None, id="not-octal"),
        pytest.param("644\n", None, id="newline"),
        pytest.param("u+x", None, id="symbolic"),
    ],
)
def test_modes(text: str, expected: int | None) -> None:
    if expected is None:
        with pytest.raises(InvalidInput, match="is not a mode"):
            parse_mode(text)
    else:
        assert parse_mode(text) == expected
