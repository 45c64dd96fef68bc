"""docs/reference matches the code and is the same on every machine; a real report matches its schema."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ocikit.publish.report import Row
from reference import schema
from reference.pages import FOLDER, pages
from reference.report import schema as report_schema
from support.build_root import PROJECT, BuildRoot

ADVICE = "does not match the code: run tools/reference/generate, and commit its output."


def test_the_pages_match_the_code() -> None:
    expected = pages()
    assert {path.name for path in FOLDER.iterdir()} == set(expected)
    for name, text in expected.items():
        assert (FOLDER / name).read_text() == text, f"docs/reference/{name} {ADVICE}"


def test_the_pages_are_the_same_on_every_machine(tmp_path: Path) -> None:
    program = "import json, reference.pages; print(json.dumps(dict(reference.pages.pages())))"
    environment = {
        **os.environ,
        "COLUMNS": "40",
        "HOME": str(tmp_path),
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Tokyo",
        "PYTHONPATH": os.pathsep.join(str(PROJECT / folder) for folder in ("src", "pants-plugins", "tools")),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, check=True
    )
    found = json.loads(done.stdout)
    assert found == dict(pages())
    for text in found.values():
        assert str(PROJECT) not in text
        assert str(Path.home()) not in text


@pytest.mark.parametrize("name", report_schema()["$defs"])
def test_each_key_of_the_report_is_explained(name: str) -> None:
    properties = report_schema()["$defs"][name]["properties"]
    unexplained = [key for key, value in properties.items() if "description" not in value]
    assert unexplained == [], f'The docstring of `{name}` must say what they are, such as "`size`: compressed bytes."'


def test_a_real_report_matches_the_schema(examples: BuildRoot) -> None:
    arguments = ("--oci-report=dist/report.json", "publish", "examples/banner:push", "examples/greeter:push")
    found = []
    for change in ("", "Changed.\n"):
        for path in (examples.path / "examples/banner").glob("*.txt"):
            path.write_text(path.read_text() + change)
        examples.pants(*arguments)
        found.append(json.loads((examples.path / "dist/report.json").read_text()))
    first, second = found
    assert {row["outcome"] for row in first["references"]} == {"pushed"}
    assert {row["outcome"] for row in second["references"]} == {"pushed", "unchanged"}
    assert any(row["changes"]["removed"] for row in second["references"])
    for report in found:
        check(report)


def test_other_documents_are_rejected() -> None:
    row = Row("web:push", "oci:", "web", "1", "oci:web:1", "sha256:00", "pushed").to_json()
    report: dict[str, Any] = json.loads(json.dumps({"dry_run": False, "references": [row]}))
    check(report)
    for key, wrong in (("outcome", "published"), ("bytes_sent", "1"), ("changes", None), ("unknown", 1)):
        with pytest.raises(jsonschema.ValidationError):
            check({**report, "references": [{**row, key: wrong}]})
    with pytest.raises(jsonschema.ValidationError):
        check({"references": []})


def check(report: Any) -> None:
    """Validate against the committed schema, but reject the unknown keys that another release may add."""
    document = json.loads((FOLDER / "report.schema.json").read_text())
    for definition in document["$defs"].values():
        definition["additionalProperties"] = False
    validator = jsonschema.Draft202012Validator(document)
    validator.check_schema(document)
    validator.validate(report)


def test_a_schema_from_a_dataclass() -> None:
    @dataclasses.dataclass
    class Fruit:
        """What grows.

        `weight`: in grams. `names` are what people say.
        """

        weight: int
        names: tuple[str, ...]
        note: str | None

    assert schema.definitions(Fruit) == {
        "Fruit": {
            "description": "What grows.",
            "type": "object",
            "properties": {
                "weight": {"type": "integer", "description": "In grams."},
                "names": {"type": "array", "items": {"type": "string"}, "description": "`names` are what people say."},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "required": ["weight", "names", "note"],
        }
    }
