"""targets.md: every target and each of its fields."""

from __future__ import annotations

from collections.abc import Iterator

from pants.engine.target import COMMON_TARGET_FIELDS, Field, Target
from pants.help.help_info_extracter import TargetFieldHelpInfo
from pants.util.strutil import strval

from pants_oci import register
from reference import markdown

_INTRODUCTION = """
The targets in BUILD files. `pants help oci_image` shows the same. Every target also has Pants's own `name`,
`description` and `tags`. The [guide](../guide.md) explains how targets fit together.
"""


def page() -> str:
    blocks = (block for target in register.target_types() for block in _blocks(target))
    return markdown.page("Targets", _INTRODUCTION, *blocks)


def _blocks(target: type[Target]) -> Iterator[str]:
    yield f"## `{target.alias}`"
    yield markdown.help_text(strval(target.help), "python")
    fields = [field for field in target.core_fields if field not in COMMON_TARGET_FIELDS]
    for field in sorted(fields, key=lambda field: not field.required):
        yield f"### `{field.alias}`"
        yield _kind(field)
        yield strval(field.help)


def _kind(field: type[Field]) -> str:
    info = TargetFieldHelpInfo.create(field, provider="")
    default = "optional" if info.default is None else f"default `{info.default}`"
    return f"`{info.type_hint.replace(' | None', '')}`, {'required' if info.required else default}"
