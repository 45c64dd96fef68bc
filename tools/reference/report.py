"""report.md and report.schema.json: the content of `[oci].report` and `--publish-output`."""

from __future__ import annotations

from typing import Any

from ocikit.publish.report import Row
from reference import markdown
from reference.schema import definitions

_INTRODUCTION = """
`[oci].report` is a JSON file with a row for each requested reference. `--publish-output` has the same rows, as
`references` of Pants's own entries. [report.schema.json](report.schema.json) is its JSON Schema, draft 2020-12, for
programs that read it. A minor release can add keys, so ignore unknown keys.
"""


def schema() -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The report of a publish run",
        "type": "object",
        "properties": {
            "dry_run": {"type": "boolean", "description": "Whether the run was a dry run, which uploads nothing."},
            "references": {
                "type": "array",
                "items": {"$ref": f"#/$defs/{Row.__name__}"},
                "description": "A row for each tag of each push target in each registry.",
            },
        },
        "required": ["dry_run", "references"],
        "$defs": definitions(Row),
    }


def page() -> str:
    found = schema()
    blocks = [_INTRODUCTION, "## The file", _keys(found)]
    for name, definition in found["$defs"].items():
        blocks += [f"## {name}", definition["description"], _keys(definition)]
    return markdown.page("The publish report", *blocks)


def _keys(schema: dict[str, Any]) -> str:
    rows = ((f"`{name}`", _kind(key), key.get("description", "")) for name, key in schema["properties"].items())
    return markdown.table(("key", "type", "meaning"), rows)


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(part) for part in schema["anyOf"])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return f"list of {_kind(schema['items'])}" if schema["type"] == "array" else str(schema["type"])
