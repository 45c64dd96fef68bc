"""options.md: the options in pants.toml, flags and the environment."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.rules import TaskRule
from pants.option.option_types import OptionsInfo, collect_options_info
from pants.option.subsystem import Subsystem
from pants.util.strutil import strval

from ocikit.registry.options import RegistryOptions
from pants_oci import register
from pants_oci.registries import Registry
from pants_oci.registry_keys import REGISTRY_KEYS
from pants_oci.subsystem import Ocikit, OciSubsystem
from reference import markdown

_INTRODUCTION = """
The options in `pants.toml`. Each option is also a flag and an environment variable.
`pants help-advanced oci` shows the same.
"""
_TYPES = {bool: "true or false", dict: "table", float: "number", int: "number", list: "list of texts", str: "text"}


def page() -> str:
    # Goals of Pants itself, such as `package`, are registered too, because ours depend on them.
    kinds = [rule.output_type for rule in register.rules() if isinstance(rule, TaskRule)]
    ours = [kind for kind in kinds if issubclass(kind, Goal) and kind.__module__.startswith("pants_oci.")]
    return markdown.page(
        "Options and goals",
        _INTRODUCTION,
        *_scope("`[oci]`", OciSubsystem),
        *_scope("`[ocikit]`", Ocikit),
        *(block for goal in ours for block in _goal(goal.subsystem_cls)),
    )


def _goal(goal: type[GoalSubsystem]) -> Iterator[str]:
    yield f"## `pants {goal.name}`"
    yield markdown.help_text(strval(goal.help), "console")
    for option in _options(goal):
        yield from _option(goal, option, one_flag=True)


def _scope(title: str, scope: type[Subsystem]) -> Iterator[str]:
    yield f"## {title}"
    yield markdown.help_text(strval(scope.help), "toml")
    for option in _options(scope):
        yield from _option(scope, option)


def _options(scope: type[Subsystem]) -> Iterator[OptionsInfo]:
    """The options without the deprecated ones, which only the oldest Pants has."""
    for kind in (scope, scope.EnvironmentAware):
        yield from (option for option in collect_options_info(kind) if "removal_version" not in option.flag_options)


def _option(scope: type[Subsystem], option: OptionsInfo, *, one_flag: bool = False) -> Iterator[str]:
    name = option.flag_names[0].lstrip("-")
    long = f"{scope.options_scope}-{name}"
    flag = f"--{name}" if one_flag else f"--{long}"
    yield f"### `{flag if one_flag else name.replace('-', '_')}`"
    settings = option.flag_options
    kind = settings["type"]
    type_ = " or ".join(f"`{choice.value}`" for choice in kind) if issubclass(kind, Enum) else _TYPES[kind]
    also = "" if one_flag else f"flag `{flag}`, "
    variable = f"PANTS_{long.upper().replace('-', '_')}"
    yield f"{type_}, default {_default(settings['default'])}; {also}environment variable `{variable}`"
    if name == "registries":
        yield settings["help"].partition(" Keys:")[0]
        yield markdown.table(("key", "type and default", "meaning"), _registry_keys())
    elif _is_own(scope, option):
        yield settings["help"]
    else:
        # The rest of the help of Pants's own options is specific to one release.
        yield settings["help"].partition("\n\n")[0]


def _is_own(scope: type[Subsystem], option: OptionsInfo) -> bool:
    """Whether the option is defined by the scope itself, not by a base class of Pants."""
    return any(getattr(kind, name, None) == option for kind in (scope, scope.EnvironmentAware) for name in vars(kind))


def _registry_keys() -> Iterator[tuple[str, str, str]]:
    keys = {field.name: field for kind in (Registry, RegistryOptions) for field in dataclasses.fields(kind)}
    kinds = {"bool": "true or false", "str": "text", "str | None": "text", "tuple[str, ...]": "list of texts"}
    for key, meaning in REGISTRY_KEYS.items():
        default = keys[key].default
        shown = "required" if default is dataclasses.MISSING else f"`{json.dumps(default)}`" if default else "none"
        yield f"`{key}`", f"{kinds[str(keys[key].type)]}, {'`false`' if default is False else shown}", meaning


def _default(value: Any) -> str:
    value = getattr(value, "value", value)
    return "none" if value in (None, {}, []) else f"`{json.dumps(value).strip(chr(34))}`"
