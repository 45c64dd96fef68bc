from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest

from ocikit.errors import InvalidInput
from ocikit.python_app.distributions import (
    Distribution,
    Site,
    TreeFile,
    collisions,
    console_scripts,
    group,
    settle,
    take_apart,
)

SITE = Site("lib/python3.11/site-packages", "/app/bin/python")
IN = f"{SITE.packages}/"


def tree(contents: Mapping[str, bytes]) -> list[TreeFile]:
    return [TreeFile(path, hashlib.sha256(data).hexdigest(), len(data)) for path, data in contents.items()]


def taken_apart(contents: Mapping[str, bytes], site: Site = SITE) -> dict[str, Distribution]:
    texts = {
        path: data
        for path, data in contents.items()
        if path.endswith(("/RECORD", "/entry_points.txt")) or path.startswith("bin/")
    }
    return {d.name: d for d in take_apart(tree(contents), texts, site)}


def installed(name: str, *paths: str, version: str = "1.0", **more: bytes) -> dict[str, bytes]:
    """A distribution as pex lays it out; keywords are files of its metadata folder."""
    metadata = {f"{name}-{version}.dist-info/{file.replace('_txt', '.txt')}": data for file, data in more.items()}
    contents = {**{path: path.encode() for path in paths}, **metadata}
    record = f"{name}-{version}.dist-info/RECORD"
    rows = "".join(f'"{path}",sha256=x,1\n' for path in contents) + f"{record},,\n"
    return {**contents, record: rows.encode()}


def test_each_distribution_gets_its_own_files() -> None:
    found = taken_apart({**installed("one", "one.py", "shared/a.py"), **installed("two", "two/x.so", "shared/b.py")})
    assert set(found["one"].files) == {f"{IN}one.py", f"{IN}shared/a.py"}
    assert set(found["two"].files) == {f"{IN}two/x.so", f"{IN}shared/b.py"}
    assert (str(found["one"]), found["two"].version) == ("one 1.0", "1.0")


def test_a_file_of_two_distributions_is_in_both() -> None:
    found = taken_apart({**installed("a", "ns/__init__.py"), **installed("b", "ns/__init__.py")})
    assert set(found["a"].files) == set(found["b"].files) == {f"{IN}ns/__init__.py"}


def test_files_without_a_record_are_kept() -> None:
    found = taken_apart({**installed("a", "a.py"), "stray.txt": b"?", "share/doc": b"?"})
    assert set(found[""].files) == {f"{IN}stray.txt", "share/doc"}


def test_a_record_deeper_in_the_tree_is_an_ordinary_file() -> None:
    vendored = "setuptools/_vendor/wheel-1.dist-info/RECORD"
    found = taken_apart(installed("setuptools", vendored))
    assert list(found) == ["setuptools"]
    assert f"{IN}{vendored}" in found["setuptools"].files


@pytest.mark.parametrize(
    "path, place",
    [
        pytest.param("pkg/mod.py", f"{IN}pkg/mod.py", id="module"),
        pytest.param("hook.pth", f"{IN}hook.pth", id="pth"),
        pytest.param("share/man/x.1", "share/man/x.1", id="data"),
        pytest.param("etc/x.conf", "etc/x.conf", id="configuration"),
        pytest.param("share", f"{IN}share", id="a-file-of-that-name"),
        pytest.param("pkg.libs/lib.so", f"{IN}pkg.libs/lib.so", id="libraries"),
    ],
)
def test_where_files_go(path: str, place: str) -> None:
    assert set(taken_apart(installed("a", path))["a"].files) == {place}


def test_a_package_may_have_the_name_of_a_folder_of_a_prefix() -> None:
    found = taken_apart(installed("etc", "etc/__init__.py", "etc/data.txt"))
    assert set(found["etc"].files) == {f"{IN}etc/__init__.py", f"{IN}etc/data.txt"}


@pytest.mark.parametrize(
    "path",
    [
        "a-1.0.dist-info/INSTALLER",
        "a-1.0.dist-info/REQUESTED",
        "a-1.0.dist-info/direct_url.json",
        "a/__pycache__/x.cpython-311.pyc",
        "__pycache__/x.cpython-311.pyc",
    ],
)
def test_files_of_installers_are_left_out(path: str) -> None:
    found = taken_apart(installed("a", "a.py", path))
    assert set(found["a"].files) == {f"{IN}a.py"}
    assert path.encode() not in found["a"].made[f"{IN}a-1.0.dist-info/RECORD"]


def test_modules_without_a_source_stay() -> None:
    assert set(taken_apart(installed("a", "a/x.pyc"))["a"].files) == {f"{IN}a/x.pyc"}


def test_scripts_start_with_the_interpreter_of_the_image() -> None:
    entry_points = (
        b"[console_scripts]\nrun = a.cli:main [fast]\nplain = a\n[other]\nno = a:no\n[gui_scripts]\nwin = a:Win.go\n"
    )
    found = taken_apart(
        {
            **installed("a", "a/cli.py", "bin/run", "bin/old", "bin/binary", entry_points_txt=entry_points),
            "bin/old": b"#!python\nprint('old')\n",
        }
    )["a"]
    assert found.made["bin/run"] == b"#!/app/bin/python\nimport sys\n\nimport a.cli\n\nsys.exit(a.cli.main())\n"
    assert found.made["bin/win"] == b"#!/app/bin/python\nimport sys\n\nimport a\n\nsys.exit(a.Win.go())\n"
    assert found.made["bin/old"] == b"#!/app/bin/python\nprint('old')\n"
    assert "bin/no" not in found.made
    assert "bin/binary" in found.files
    assert [path for path in (*found.files, *found.made) if found.is_executable(path)] == [
        path for path in (*found.files, *found.made) if path.startswith("bin/")
    ]


def test_the_record_matches_the_files() -> None:
    site = Site("src", "/app/bin/python")
    contents = {**installed("a", "a.py", "b,c.py", entry_points_txt=b"[console_scripts]\nrun = a:main\n"), "a.py": b"1"}
    made = taken_apart(contents, site)["a"].made
    rows = made["src/a-1.0.dist-info/RECORD"].decode().splitlines()
    assert rows[0].startswith("../bin/run,sha256=")
    assert "a.py,sha256=a4ayc_80_OGda4BO_1o_V0etpOqiLx1JwB5S3beHW0s,1" in rows
    assert any(row.startswith('"b,c.py",sha256=') for row in rows)
    assert "a-1.0.dist-info/RECORD,," in rows
    assert rows == sorted(rows, key=lambda row: row.strip('"').split('",')[0].split(",sha")[0])


def test_the_order_of_the_tree_does_not_matter() -> None:
    contents = {**installed("b", "b.py"), **installed("a", "a.py", "bin/x")}
    backwards = dict(reversed(contents.items()))
    assert taken_apart(contents) == taken_apart(backwards)


def test_console_scripts_of_all_distributions() -> None:
    texts = {
        "a-1.dist-info/entry_points.txt": b"[console_scripts]\nrun = a.cli:main\n",
        "b-1.dist-info/entry_points.txt": b"not an ini file",
        "b-1.dist-info/RECORD": b"[console_scripts]\nno = a:b\n",
    }
    assert console_scripts(texts) == {"run": "a.cli:main"}


def sized(**sizes: int) -> list[Distribution]:
    return [Distribution(name, "1", {"x": TreeFile("x", "", size)}, {}) for name, size in sizes.items()]


@pytest.mark.parametrize(
    "sizes, budget, layers",
    [
        pytest.param({}, 8, [], id="none"),
        pytest.param({"b": 1, "a": 2}, 8, ["a b"], id="small-ones-together"),
        pytest.param({"small": 1, "large": 50, "larger": 60}, 8, ["larger", "large", "small"], id="large-ones-apart"),
        pytest.param({"a": 50, "b": 50, "c": 50, "d": 1}, 3, ["a", "b", "c d"], id="budget-spent"),
        pytest.param({"a": 50, "b": 60}, 2, ["b", "a"], id="only-large-ones"),
        pytest.param({"a": 50, "b": 60, "c": 1}, 1, ["a b c"], id="one-layer"),
    ],
)
def test_grouping(sizes: dict[str, int], budget: int, layers: list[str]) -> None:
    assert [" ".join(d.name for d in layer) for layer in group(sized(**sizes), budget, apart_from=10)] == layers


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_below_one_layer_is_refused(budget: int) -> None:
    with pytest.raises(InvalidInput, match=f"^{budget} layers"):
        group(sized(a=20, b=20, c=20), budget, apart_from=10)


def test_the_first_of_several_distributions_keeps_a_script() -> None:
    scripts = (b"[console_scripts]\nrun = a:main\nsame = x:main\n", b"[console_scripts]\nrun = b:main\nsame = x:main\n")
    contents = {
        **installed("a", "a.py", "ns/__init__.py", entry_points_txt=scripts[0]),
        **installed("b", "b.py", "ns/__init__.py", entry_points_txt=scripts[1]),
    }
    settled, clashes = settle(taken_apart(contents).values())
    assert clashes == ("bin/run (a 1.0, b 1.0)",)
    first, second = settled
    assert b"import a\n" in first.made["bin/run"]
    assert "bin/run" not in second.made
    assert second.made["bin/same"] == first.made["bin/same"]
    assert set(second.files) >= {f"{IN}b.py", f"{IN}ns/__init__.py"}
    assert console_scripts(contents)["run"] == "a:main"


def test_collisions_are_reported_by_file_and_distribution() -> None:
    output = """\
Encountered collisions populating flat from PEX at deps.pex:
1. flat/pkg/__init__.py was provided by:
\tsha1:69 -> /root/.pex/installed_wheels/658b/one_a-1.0-py3-none-any.whl/pkg/__init__.py
\tsha1:6f -> /root/.pex/installed_wheels/f01d/two-2.0.post1-cp311-cp311-manylinux2014_x86_64.whl/pkg/__init__.py
2. flat/with a space was provided by:
\tsha1:69 -> /root/.pex/installed_wheels/658b/one_a-1.0-py3-none-any.whl/with a space
"""
    assert collisions(output) == ("pkg/__init__.py (one_a-1.0, two-2.0.post1)", "with a space (one_a-1.0)")
    assert collisions("Something else failed.") == ()
