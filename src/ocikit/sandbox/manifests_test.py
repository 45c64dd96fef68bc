"""The command as a sandbox calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocikit.cli.main import main


def _ask(folder: Path, files: dict[str, bytes]) -> dict[str, object]:
    for name, data in files.items():
        path = folder / "input" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "request.json").write_text(json.dumps({"files": list(files)}))
    assert main(["manifests", "request.json"]) == 0
    answer: dict[str, object] = json.loads((folder / "answer.json").read_text())
    return answer


def test_files_are_scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pinned = f"r.example/x@sha256:{'e3' * 32}"
    files = {"a/web.yaml": b"image: pants://:push # pants://c:d\n", "b.yaml": f"image: {pinned}\n".encode()}
    place = {"start": 7, "end": 20, "line": 1, "column": 8, "address": "pants://:push", "quote": ""}
    comment = {"line": 1, "column": 24, "text": "pants://c:d", "why": "it is in a comment", "is_comment": True}
    assert _ask(tmp_path, files) == {
        "files": {
            "a/web.yaml": {"spans": [place], "unreplaced": [comment], "pinned": []},
            "b.yaml": {"spans": [], "unreplaced": [], "pinned": [pinned]},
        }
    }


def test_all_problems_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answer = _ask(tmp_path, {"a.yaml": b"a: b: c", "b.yaml": b"a: pants://a:b", "c.yaml": b"\xff"})
    assert answer == {
        "problems": [
            "a.yaml:1:5: not YAML: mapping values are not allowed here.",
            "c.yaml: not UTF-8: byte 1 is 0xff. Write it in UTF-8.",
        ]
    }
