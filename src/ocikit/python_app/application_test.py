from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ocikit import InvalidInput
from ocikit.python_app.application import Application, Main, find_main
from ocikit.python_app.distributions import Distribution, TreeFile
from ocikit.python_app.interpreter import Interpreter

INSTALLED = [
    Distribution("a", "1", {"bin/old": TreeFile("bin/old", "", 1)}),
    Distribution("g", "1", {"bin/gunicorn": TreeFile("bin/gunicorn", "", 1)}, {"gunicorn": "gunicorn.app:run"}),
    Distribution("r", "1", {"bin/ruff": TreeFile("bin/ruff", "", 1)}, programs=("ruff",)),
]
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
LINKED = Application("/app", Interpreter("3.11", "/usr/bin/python3.11"), Main("module", "shop.web"))


@pytest.mark.parametrize(
    "arguments, main",
    [
        pytest.param((), Main("nothing"), id="nothing"),
        pytest.param(("--entry-point", "shop.web"), Main("module", "shop.web"), id="module"),
        pytest.param(("--entry-point", "shop.web:main"), Main("function", "shop.web:main"), id="function"),
        pytest.param(("--console-script", "gunicorn"), Main("function", "gunicorn.app:run"), id="console-script"),
        pytest.param(("--console-script", "old"), Main("file", "bin/old"), id="script-that-is-a-file"),
        pytest.param(("--console-script", "ruff"), Main("program", "bin/ruff"), id="program"),
        pytest.param(("--executable", "top/shop/run.py"), Main("file", "src/shop/run.py"), id="executable"),
    ],
)
def test_the_main_of_pex_arguments(arguments: tuple[str, ...], main: Main) -> None:
    assert find_main(arguments, INSTALLED, ["run.py", "shop/run.py"]) == main


@pytest.mark.parametrize(
    "arguments, message",
    [
        pytest.param(
            ("--console-script", "x"), 'no distribution has the script "x"; available: gunicorn, old, ruff', id="script"
        ),
        pytest.param(("--executable", "x.py"), 'the executable "x.py" is not among the sources', id="executable"),
    ],
)
def test_a_missing_script_or_executable(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        find_main(arguments, INSTALLED, ["run.py"])


def test_with_a_known_interpreter() -> None:
    assert LINKED.command == ("/app/bin/python", "/app/__main__.py")
    assert LINKED.links() == {"bin/python": "/usr/bin/python3.11"}
    assert LINKED.files()["pyvenv.cfg"] == b"home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n"
    assert LINKED.variables({"PATH": "/usr/bin"}) == {"PATH": "/app/bin:/usr/bin"}
    assert LINKED.variables({})["PATH"].startswith("/app/bin:/usr/local/sbin:")


def test_without_a_known_interpreter() -> None:
    application = replace(LINKED, interpreter=Interpreter("3.11"))
    assert application.command == ("python3", "/app/__main__.py")
    assert application.links() == {}
    assert "pyvenv.cfg" not in application.files()


def test_a_prompt_is_the_interpreter_itself() -> None:
    assert replace(LINKED, main=Main("nothing")).command == ("/app/bin/python",)


def test_packages_of_the_base_are_used_on_demand() -> None:
    assert b"include-system-site-packages = true" in replace(LINKED, system_packages=True).files()["pyvenv.cfg"]


def started(folder: Path, application: Application, sources: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Lay out an application in `folder` as in an image, and run it with this Python."""
    files = {**application.files(), **{f"src/{path}": text.encode() for path, text in sources.items()}}
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    for path, target in application.links().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(target)
    command = application.command if application.links() else (sys.executable, *application.command[1:])
    return subprocess.run([*command, "-x"], cwd="/", env={}, capture_output=True, text=True, check=False, timeout=60)


# Prints how it was started and with which path, and checks that child processes find the same modules.
_SHOW = """\
import multiprocessing
import subprocess
import sys

import words

def work(number):
    return words.WORD * number

def main():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [2]), sys.argv[1:], [path for path in sys.path if path.endswith("src")])
    return 3

if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.mark.parametrize("linked", [True, False], ids=["linked", "python3"])
@pytest.mark.parametrize(
    "main",
    [
        pytest.param(Main("module", "shop.show"), id="module"),
        pytest.param(Main("function", "shop.show:main"), id="function"),
        pytest.param(Main("file", "src/shop/show.py"), id="file"),
    ],
)
def test_a_started_application(tmp_path: Path, main: Main, linked: bool) -> None:
    real = str(Path(sys._base_executable).resolve().parent / f"python{VERSION}")  # type: ignore[attr-defined]
    if linked and not Path(real).exists():
        pytest.skip(f"no {real}")
    application = Application(str(tmp_path), Interpreter(VERSION, real if linked else None), main)
    done = started(tmp_path, application, {"shop/show.py": _SHOW, "words.py": "WORD = 'hi'\n"})
    assert done.stderr == ""
    assert done.stdout == f"['hihi'] ['-x'] ['{tmp_path}/src']\n"
    assert done.returncode == 3


def test_a_function_whose_package_has_an_attribute_with_the_name_of_its_module(tmp_path: Path) -> None:
    sources = {
        "shop/__init__.py": "from shop.serve import serve\n",
        "shop/serve.py": "class serve:\n    @staticmethod\n    def run():\n        print('served')\n",
    }
    for target in ("shop.serve:serve.run", "shop.serve : serve.run"):
        application = Application(str(tmp_path), Interpreter(VERSION), Main("function", target))
        done = started(tmp_path, application, sources)
        assert (done.stderr, done.stdout, done.returncode) == ("", "served\n", 0)


def test_a_program_is_the_entrypoint(tmp_path: Path) -> None:
    application = Application(str(tmp_path), Interpreter(VERSION), Main("program", "bin/tool"))
    assert application.command == (f"{tmp_path}/bin/tool",)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tool").write_text("#!/bin/sh\necho tool $*\n")
    (tmp_path / "bin/tool").chmod(0o755)
    launched = replace(application, main=Main("program", "bin/tool")).files()["__main__.py"]
    (tmp_path / "__main__.py").write_bytes(launched)
    done = subprocess.run([sys.executable, tmp_path, "-x"], capture_output=True, text=True, check=True)
    assert done.stdout == "tool -x\n"


def test_another_python_version_is_an_error(tmp_path: Path) -> None:
    done = started(tmp_path, Application(str(tmp_path), Interpreter("3.99"), Main("module", "shop")), {})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"This application is built for Python 3.99, but python3 is {VERSION} (")
