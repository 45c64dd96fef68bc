from __future__ import annotations

from typing import Any

import pytest

from ocikit.errors import InvalidInput
from ocikit.migrate.build_reader import absolute_address, read_build_file


def test_targets_with_plain_values_are_read() -> None:
    text = """\
V = "1" + ".0"
PARTS = ["a"]
x(
    name="n",
    a=[V, 'b'] + PARTS,
    b={"k": (1, True, None)},
    c=env("HOME"),
    d=f"{V}",
    e=parametrize("p", "q"),
    **{"f": 1},
    **more(),
)
y()
if True:
    z(name="inside")
"""
    found, unnamed = read_build_file(text, "a/b", "BUILD")
    assert (found.kind, found.address, found.lines) == ("x", "a/b:n", (3, 12))
    assert found.fields == {
        "a": ["1.0", "b", "a"],
        "b": {"k": [1, True, None]},
        "f": 1,
    }
    assert found.unreadable == {"c": 'env("HOME")', "d": 'f"{V}"', "e": 'parametrize("p", "q")', "**": "more()"}
    assert unnamed.address == "a/b:b"


def test_a_name_that_is_set_again_to_an_unreadable_value_is_unreadable() -> None:
    (found,) = read_build_file('V = "1"\nV = env("V")\nx(name="n", a=V)', "", "BUILD")
    assert (found.fields, found.unreadable, found.address) == ({}, {"a": "V"}, "//:n")


@pytest.mark.parametrize("text", ["x(", "x = = 1", "\0"])
def test_invalid_python_is_an_error_with_its_line(text: str) -> None:
    with pytest.raises(InvalidInput, match="web/BUILD:[01]: cannot be read as a BUILD file: "):
        read_build_file(text, "web", "web/BUILD")


@pytest.mark.parametrize(
    "kind, fields, package",
    [
        ("pex_binary", {}, "a.b/n.pex"),
        ("go_binary", {}, "a.b/n"),
        ("archive", {"format": "tar.gz"}, "a.b/n.tar.gz"),
        ("pex_binary", {"output_path": "x/y"}, "x/y"),
        ("files", {}, None),
        ("odd", {}, None),
    ],
)
def test_path_of_a_package(kind: str, fields: dict[str, Any], package: str | None) -> None:
    words = "".join(f", {key}={value!r}" for key, value in fields.items())
    (found,) = read_build_file(f'{kind}(name="n"{words})', "a/b", "BUILD")
    assert found.package == package
    assert found.is_files == (kind == "files")


@pytest.mark.parametrize(
    "address, parts",
    [
        (":x", ("here", "x", "")),
        ("x", ("x", "x", "")),
        ("a/b", ("a/b", "b", "")),
        ("a/b:c#d", ("a/b", "c", "d")),
        ("//:x", ("", "x", "")),
        ("//a:x", ("a", "x", "")),
        (":p#1.2", ("here", "p", "1.2")),
    ],
)
def test_addresses(address: str, parts: tuple[str, str, str]) -> None:
    assert absolute_address(address, "here") == parts


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x(a=" + "+".join(['"y"'] * 1_500) + ")", id="sum"),
        pytest.param("A = 'y' * 8\nA = 'yyyyyyyy'\n" + "A = A + A\n" * 60 + "x(a=A)", id="texts"),
        pytest.param("A = ['y']\n" + "A = [A, A]\n" * 60 + "x(a=A)", id="lists"),
        pytest.param("A = ['y']\n" + "A = {'a': A, 'b': A}\n" * 60 + "x(a=A)", id="objects"),
        pytest.param("A = 'y'\n" + "A = A + A\n" * 19 + "x(a=A + A)", id="in-a-target"),
    ],
)
def test_values_that_grow_exponentially_are_not_read(text: str) -> None:
    (found,) = read_build_file(text, "a", "a/BUILD")
    assert (found.fields, list(found.unreadable)) == ({}, ["a"])


def test_a_file_that_python_cannot_parse_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="a/BUILD.*: cannot be read as a BUILD file: "):
        read_build_file("x(a=" + "(" * 5_000 + ")" * 5_000 + ")", "a", "a/BUILD")
