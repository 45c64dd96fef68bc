"""A `pex_binary` of every shape becomes layers, and runs on a read-only file system."""

from __future__ import annotations

import pytest

from python_layers.shapes import SHAPES
from support.build_root import BuildRoot
from support.layouts import LayoutImage

pytestmark = pytest.mark.container


@pytest.fixture(scope="module")
def images(root: BuildRoot) -> dict[str, LayoutImage]:
    root.pants("package", *(f"src:{name}" for name in SHAPES))
    return {name: LayoutImage(root.path / f"dist/src/{name}") for name in SHAPES}


@pytest.mark.parametrize(
    "name, arguments, printed",
    [
        pytest.param(
            "module",
            (),
            "['--first', 'a b', 'last'] hooked injected own\n7 1.0 1000\nb'words\\n'\n[] /app\n",
            id="module-with-injected-arguments-and-variables",
        ),
        pytest.param("module", ("x",), "['--first', 'a b', 'x'] hooked injected own\n", id="other-arguments"),
        pytest.param("function", ("x",), "['x'] hooked None None\n7 1.0 1000\n", id="function"),
        pytest.param("script", ("x",), "tool /app/__main__.py x\n", id="console-script"),
        pytest.param("old", ("x",), "old tool x\n", id="script-that-is-a-file"),
        pytest.param("shadowed", (), "served\n", id="function-with-the-name-of-its-module"),
        pytest.param("unknown", (), "tool /app/bin/tool-run own\n", id="console-script-with-python3"),
        pytest.param("unknown-old", (), "old tool own\n", id="other-script-with-python3"),
        pytest.param("own", ("x",), "tool /app/bin/tool-run own x\n", id="own-entrypoint"),
        pytest.param("bare", ("-c", "import simple, tool.text as t; print(t.TEXT)"), "simple simple [", id="prompt"),
        pytest.param("alone", (), "simple __main__ ['/app/src', '/app/lib/python3.11/site-packages']\n", id="python3"),
        pytest.param("firm", (), "firm 3.0 /app/src/firm/work.py ['ocitest-hook (==1.0)']\n", id="python-distribution"),
        pytest.param("clash", (), "a\n", id="collision-allowed"),
        pytest.param("compiled", (), "simple __main__ [", id="compiled"),
    ],
)
def test_the_application_runs_on_a_read_only_file_system(
    images: dict[str, LayoutImage], name: str, arguments: tuple[str, ...], printed: str
) -> None:
    done = images[name].run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(printed)


def test_the_paths_in_the_layers(images: dict[str, LayoutImage]) -> None:
    image = images["script"]
    third_party, start = (image.files(digest) for digest in image.layers[1:])
    site = "app/lib/python3.11/site-packages"
    assert {path for path in third_party if ".dist-info" not in path} == {
        "app/bin/old-script",
        "app/bin/program",
        "app/bin/tool-run",
        "app/include/site/python3.11/ocitest-tool/tool.h",
        "app/opt/tool/own.txt",
        "app/share/tool/doc.txt",
        f"{site}/man/page.py",
        f"{site}/tool/__init__.py",
        f"{site}/tool/cli.py",
        f"{site}/tool/text.py",
    }
    assert set(start) == {"app/__main__.py", "app/bin/python", "app/pyvenv.cfg", f"{site}/_first_party.pth"}
    assert start["app/bin/python"] == b"/usr/bin/python3.11"
    assert "srv/thing/__main__.py" in images["function"].files(images["function"].layers[-2])
    assert images["module"].files(images["module"].layers[-1]) == {"src/README": b"read me\n"}


def test_a_program_of_a_wheel_is_the_entrypoint(images: dict[str, LayoutImage]) -> None:
    assert images["program"].config["config"]["Entrypoint"] == ["/app/bin/program"]


def test_images_with_the_same_requirements_share_them(images: dict[str, LayoutImage]) -> None:
    shared = {images[name].layers[1] for name in ("script", "old", "program", "own", "bare")}
    assert len(shared) == 1
    # Compiled requirements are another layer.
    assert images["compiled"].layers[1] not in shared


def test_modules_are_compiled_with_pex_compile(images: dict[str, LayoutImage]) -> None:
    image = images["compiled"]
    files = {path: data for digest in image.layers[1:] for path, data in image.files(digest).items()}
    compiled = {path for path in files if path.endswith(".pyc")}
    folder = "app/lib/python3.11/site-packages/tool/__pycache__"
    assert compiled == {
        "app/src/__pycache__/simple.cpython-311.pyc",
        "app/lib/python3.11/site-packages/man/__pycache__/page.cpython-311.pyc",
        *(f"{folder}/{name}.cpython-311.pyc" for name in ("__init__", "cli", "text")),
    }
    assert b"/app/lib/python3.11/site-packages/tool/cli.py" in files[f"{folder}/cli.cpython-311.pyc"]


def test_no_path_of_the_build_is_in_any_layer(images: dict[str, LayoutImage], root: BuildRoot) -> None:
    for name in set(SHAPES) - {"single"}:
        image = images[name]
        for digest in image.layers[1:]:
            for path, data in image.files(digest).items():
                for trace in (str(root.path), "pants-sandbox", "/.cache/", "/.pex/", "pex_root", "named_caches"):
                    assert trace.encode() not in data, f"{name}: {path} has {trace}"
                    assert trace not in path


def test_a_pex_may_stay_one_file(images: dict[str, LayoutImage]) -> None:
    image = images["single"]
    assert [set(image.files(digest)) for digest in image.layers[1:]] == [{"opt/single-bin.pex"}]
