"""The conversion that the guide shows is the output of the command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ocikit.cli.main import main
from support.build_root import PROJECT


def test_the_guide_shows_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (PROJECT / "docs/how-to/moving-from-docker.md").read_text()
    (dockerfile,) = re.findall(r"```dockerfile\n(.*?)```", page, re.DOTALL)
    (build, *_) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    folder = tmp_path / "services/web"
    for name, text in {"Dockerfile": dockerfile, "src/main.py": "", "nginx.conf": "", "../../pants.toml": ""}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    assert main(["from-dockerfile"]) == 0
    assert capsys.readouterr().out == build
