"""The help of our targets, fields, goals and options has examples, and the examples are valid."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import tomli
from pants.engine.addresses import Address
from pants.engine.fs import FileContent
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.rules import TaskRule
from pants.engine.target import Field, Target
from pants.engine.unions import UnionMembership
from pants.option.config import Config
from pants.option.option_value_container import OptionValueContainer
from pants.option.options import Options
from pants.option.subsystem import Subsystem

from pants_oci import register
from pants_oci.registries import Registries
from pants_oci.registry_keys import REGISTRY_KEYS
from pants_oci.subsystem import Ocikit, OciSubsystem
from support.build_root_pool import empty_build_root

ADDRESS = Address("services/web", target_name="image")
# Pants's own fields of every target; their help is Pants's.
OF_PANTS = ("description", "tags")
# Options of a base class of Pants, whose help cannot be changed: the scope's own help shows them.
INHERITED = ("--output-file", "--install-from-resolve", "--requirements", "--interpreter-constraints")

TARGETS: dict[str, type[Target]] = {target.alias: target for target in register.target_types()}
FIELDS: dict[str, type[Field]] = {
    f"{target.alias}.{field.alias}": field
    for target in TARGETS.values()
    for field in target.core_fields
    if field.alias not in OF_PANTS
}
GOALS: dict[str, type[GoalSubsystem]] = {
    rule.output_type.subsystem_cls.name: rule.output_type.subsystem_cls
    for rule in register.rules()
    if isinstance(rule, TaskRule)
    and issubclass(rule.output_type, Goal)
    and rule.output_type.__module__.startswith("pants_oci.")
}
SUBSYSTEMS: dict[str, type[Subsystem]] = {"oci": OciSubsystem, "ocikit": Ocikit}


@pytest.fixture(scope="module")
def told() -> Iterator[Any]:
    with empty_build_root() as root:
        yield json.loads(root.pants("help-all").stdout)


def options_of(help_all: Any, scope: str) -> list[Any]:
    """The options of a scope, without the deprecated ones, which exist only for old releases."""
    of_scope = help_all["scope_to_help_info"][scope]
    return [option for group in ("basic", "advanced") for option in of_scope[group]]


def of_ours(infos: Mapping[str, Any]) -> dict[str, Any]:
    return {name: info for name, info in infos.items() if info["provider"] == "pants_oci"}


# Fields and targets


def in_backticks(start: str, text: str) -> list[str]:
    return re.findall(rf"`({re.escape(start)}[^`]+)`", text)


def block(text: str) -> str:
    """The indented lines at the end, below "Example:"."""
    lines = text.partition("Example:\n\n")[2].splitlines()
    return "\n".join(line[4:] for line in lines)


def values(node: ast.expr) -> list[Any]:
    """The values of an argument in a BUILD file: several with `parametrize`."""
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name) and node.func.id == "parametrize"
        return [ast.literal_eval(argument) for argument in node.args]
    return [ast.literal_eval(node)]


def test_all_is_listed(help_all: Any) -> None:
    assert set(of_ours(help_all["name_to_target_type_info"])) == set(TARGETS)
    # Goals of Pants that ours use, such as `package`, count as ours if no other backend registers them.
    for infos, own in (("scope_to_help_info", {*SUBSYSTEMS, *GOALS}), ("name_to_goal_info", {*GOALS})):
        assert {name for name in of_ours(help_all[infos]) if name.startswith("oci")} == own
    for alias, target in of_ours(help_all["name_to_target_type_info"]).items():
        assert {field["alias"] for field in target["fields"]} == {field.alias for field in TARGETS[alias].core_fields}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_has_an_example_that_it_takes(name: str, help_all: Any) -> None:
    alias, _, field = name.partition(".")
    (info,) = (info for info in help_all["name_to_target_type_info"][alias]["fields"] if info["alias"] == field)
    examples = in_backticks(f"{field}=", info["description"])
    assert examples, f'The help of `{name}` needs an example as BUILD files write it, such as `user="1000:1000"`.'
    for example in examples:
        call = ast.parse(f"target({example})", mode="eval").body
        assert isinstance(call, ast.Call) and [keyword.arg for keyword in call.keywords] == [field], example
        for value in values(call.keywords[0].value):
            FIELDS[name](value, ADDRESS)


@pytest.mark.parametrize("alias", TARGETS)
def test_a_target_has_an_example_that_it_takes(alias: str, help_all: Any) -> None:
    example = block(help_all["name_to_target_type_info"][alias]["description"])
    calls = [statement.value for statement in ast.parse(example).body if isinstance(statement, ast.Expr)]
    used = set()
    for call in calls:
        assert isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args, example
        used.add(call.func.id)
        for number in range(max(len(values(keyword.value)) for keyword in call.keywords)):
            arguments = {str(keyword.arg): values(keyword.value) for keyword in call.keywords}
            fields = {name: found[min(number, len(found) - 1)] for name, found in arguments.items() if name != "name"}
            # Raises if the target lacks a field or a field rejects its value.
            TARGETS[call.func.id](fields, ADDRESS)
    assert alias in used, f"The help of `{alias}` needs an example of a BUILD file below a line `Example:`."


# Options and goals


def parsed(arguments: list[str], toml: str = "") -> Options:
    known = {**SUBSYSTEMS, **GOALS}
    options = Options.create(
        env={},
        config=Config.load([FileContent("pants.toml", toml.encode())]),
        known_scope_infos=[kind.get_scope_info() for kind in known.values()],
        args=["./pants", *arguments],
    )
    for kind in known.values():
        kind.register_options_on_scope(options, UnionMembership({}))
    return options


def option_values(scope: str, arguments: list[str], toml: str = "") -> OptionValueContainer:
    return parsed(arguments, toml).for_scope(scope)


def checked_toml(toml: str) -> dict[str, Any]:
    """The settings for our scopes, parsed by Pants: unknown names and values of another type raise."""
    document = tomli.loads(toml)
    ours = {scope: table for scope, table in document.items() if scope in SUBSYSTEMS}
    assert ours, toml
    for scope, table in ours.items():
        found = option_values(scope, [], toml)
        for name, value in table.items():
            given = getattr(found, name)
            if isinstance(value, dict) and "add" in value:
                assert set(value["add"]) <= set(given)
            else:
                assert getattr(given, "value", given) == value
        SUBSYSTEMS[scope](found)
        if "registries" in table:
            Registries.from_option(table["registries"])
    return ours


@pytest.mark.parametrize("scope", SUBSYSTEMS)
def test_options_have_examples_that_pants_takes(scope: str, help_all: Any) -> None:
    shown = checked_toml(block(help_all["scope_to_help_info"][scope]["description"]))
    for option in options_of(help_all, scope):
        name, text = option["config_key"], option["help"]
        if option["unscoped_cmd_line_args"][0] in INHERITED:
            assert name in shown[scope]
            continue
        if name == "registries":
            (table,) = re.findall(r"\n\n((?:    .*\n)+)", text)
            checked_toml(re.sub("(?m)^    ", "", table))
            continue
        examples = in_backticks(f"{name} = ", text) + in_backticks(f"{name}.add = ", text)
        assert examples, f'The help of `[{scope}].{name}` needs an example as TOML has it, such as `verify = "blobs"`.'
        for example in examples:
            assert option["default"] != checked_toml(f"[{scope}]\n{example}")[scope][name], "that is the default"
        for flag in in_backticks("--oci-", text):
            if name.replace("_", "-") in flag:
                assert getattr(option_values(scope, [flag]), name) != option["default"]


@pytest.mark.parametrize("key", REGISTRY_KEYS)
def test_the_keys_of_a_registry_have_examples_that_are_taken(key: str, help_all: Any) -> None:
    (text,) = (option["help"] for option in options_of(help_all, "oci") if option["config_key"] == "registries")
    (line,) = (line for line in text.splitlines() if line.startswith(f"* `{key}`: "))
    examples = in_backticks(f"{key} = ", line)
    assert examples
    # `client_key` requires `client_certificate`.
    others = {"address": "", "client_key": 'client_certificate = "us.pem"\naddress = "lab.example"\n'}
    for example in examples:
        rest = others.get(key, 'address = "lab.example"\n')
        (table,) = checked_toml(f"[oci.registries.lab]\n{rest}{example}")["oci"]["registries"].values()
        assert key in table


@pytest.mark.parametrize("name", GOALS)
def test_goals_and_their_options_have_examples_that_pants_takes(name: str, help_all: Any) -> None:
    info = help_all["scope_to_help_info"][name]
    commands = [line for line in block(info["description"]).splitlines() if line]
    assert commands, f"The help of the goal `{name}` needs commands below a line `Example:`."
    for command in commands:
        assert shlex.split(command)[0] == "pants"
        options = parsed(shlex.split(command)[1:])
        assert options.goals == [name]
        for scope in (name, *SUBSYSTEMS):
            # An unknown option raises here.
            options.for_scope(scope)
    for option in options_of(help_all, name):
        flag = option["unscoped_cmd_line_args"][0]
        if flag in INHERITED:
            assert any(f"{flag}=" in command for command in commands)
            continue
        examples = in_backticks(flag, f"{option['help']} ".replace(f"`{flag}`", f"`{flag} `"))
        assert examples, f"The help of `{name} {flag}` needs an example, such as `{flag}`."
        for example in examples:
            found = getattr(option_values(name, [name, example.strip()]), option["config_key"])
            assert found != option["default"], "that is the default"
