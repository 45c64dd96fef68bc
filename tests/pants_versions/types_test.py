"""The plugin type-checks with every release of Pants: mypy, with stubs of that release from the table."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from pants_versions import stubs, used
from pants_versions.check import Check
from pants_versions.table import load
from support.build_root import PROJECT

RELEASES = load()
# The releases that changed something that the plugin uses, and the newest.
LOOKED_AT = ("2.17", "2.18", "2.23", "2.27", "2.28", "2.30", "2.31", "2.32", "2.33", "2.34.dev")


def mypy(label: str, folder: Path, *files: str) -> str:
    """The output of mypy for `files` with the stubs of a release."""
    program = Path(os.environ["TEST_MYPY"])
    stubs.write(RELEASES[label], folder / "stubs")
    flags = Check(label, RELEASES).flags()
    settings = {
        f"always_{str(value).lower()}": [flag for flag in flags if flags[flag] is value] for value in (True, False)
    }
    config, count = re.subn(
        r"^always_false = .*",
        "\n".join(f"{key} = {names}" for key, names in settings.items()),
        (PROJECT / "pyproject.toml").read_text(),
        flags=re.MULTILINE,
    )
    assert count == 1
    (folder / "pyproject.toml").write_text(config)
    # All releases share a cache, so modules that do not depend on Pants are checked once.
    options = ["--no-site-packages", "--config-file", str(folder / "pyproject.toml"), "--no-error-summary"]
    options += ["--cache-dir", str(program.parent.parent / "cache")]
    environment = {**os.environ, "MYPYPATH": f"{folder / 'stubs'}:pants-plugins:src"}
    command: list[str] = [str(program), *options, *files]
    found = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert found.stderr == ""
    return found.stdout


@pytest.mark.parametrize("label", LOOKED_AT)
def test_the_plugin_type_checks(label: str, tmp_path: Path) -> None:
    assert mypy(label, tmp_path, *(str(path.relative_to(PROJECT)) for path in used.sources())) == ""


@pytest.mark.parametrize(
    "label, source, problem",
    [
        ("2.33", "Process(('true',), description='', environment={})", 'Unexpected keyword argument "environment"'),
        ("2.33", "Process(('true',))", 'Missing named argument "description"'),
        ("2.17", "Process(('true',), description='', concurrency=None)", 'Unexpected keyword argument "concurrency"'),
        ("2.17", "Process(('true',), '').argb", "argb"),
    ],
)
def test_a_wrong_call_is_reported(label: str, source: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(f"from pants.engine.process import Process\n{source}\n")
    assert problem in mypy(label, tmp_path, str(tmp_path / "wrong.py"))


@pytest.mark.parametrize("label", [LOOKED_AT[0], LOOKED_AT[-1]])
def test_a_wrong_call_of_our_own_rule_is_reported(label: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(
        "from pants_oci.publish.git import GitFactsRequest, call_git_facts\n"
        "async def wrong(request: GitFactsRequest) -> None:\n"
        "    await call_git_facts(5)\n"
        "    number: int = await call_git_facts(request)\n"
    )
    found = mypy(label, tmp_path, str(tmp_path / "wrong.py"))
    assert 'Argument 1 has incompatible type "int"; expected "GitFactsRequest"' in found
    assert 'variable has type "int"' in found
