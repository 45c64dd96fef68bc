"""Code on the pages is valid: BUILD files, settings and commands name only what exists."""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import toml
import yaml

from pants_oci.registries import Registries
from support.build_root import PROJECT
from support.markdown import commands, fences

# The signatures on this page are neither BUILD files nor programs.
_OTHER = PROJECT / "docs/reference/ocikit.md"
PAGES = [PROJECT / "README.md", *sorted({*(PROJECT / "docs").rglob("*.md")} - {_OTHER})]
# The first address, folder or glob ends the names of goals.
_ARGUMENT = re.compile(r"[:/*.]|^[A-Z]+$")
# `oci_image(name="image", ...)`: omitted fields.
_LEFT_OUT = re.compile(r",\s*\.\.\.\s*\)")
_PROMPT = re.compile(r"^(?:\$ +)?(?:[A-Z_]+=\S+ +)*(?:\./|~/\.local/bin/)?pants +(?=[\w-])")
_OPERATORS = re.compile(r"\s(?:>|\||\|\||&&)\s.*")


def blocks(language: str) -> Iterator[Any]:
    """Each block of a language, as a parameter with its page and line as the id."""
    for page in PAGES:
        for fence in fences(page.read_text()):
            if fence.language == language:
                yield pytest.param(fence.text, id=f"{page.relative_to(PROJECT)}:{fence.line}")


def pants_commands() -> Iterator[Any]:
    for page in PAGES:
        text = page.read_text()
        scripts = [script for fence in fences(text) if fence.language == "yaml" for script in _scripts(fence.text)]
        for line in dict.fromkeys((*commands(text), *scripts)):
            found = _PROMPT.match(line)
            if found:
                yield pytest.param(line[found.end() :], id=f"{page.relative_to(PROJECT)}: {line[:60]}")


def _scripts(text: str) -> Iterator[str]:
    """The lines of all strings in YAML; none if it is invalid, which another test reports."""
    with contextlib.suppress(yaml.YAMLError):
        for _, script in _pairs(list(yaml.safe_load_all(text))):
            yield from map(str.strip, script.splitlines())


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    """The keys, or the indexes in lists, and their strings."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, (dict, list)):
            yield str(key), ""
            yield from _pairs(inner)
        else:
            yield str(key), str(inner)


@pytest.mark.parametrize("text", blocks("python"))
def test_fields_in_build_files_exist(text: str, help_all: dict[str, Any]) -> None:
    targets = help_all["name_to_target_type_info"]
    for call in ast.walk(ast.parse(_LEFT_OUT.sub(")", text))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in targets:
            fields = {field["alias"] for field in targets[call.func.id]["fields"]}
            assert {str(keyword.arg) for keyword in call.keywords} <= {"name", *fields}


@pytest.mark.parametrize("text", blocks("toml"))
def test_settings_are_options(text: str, help_all: dict[str, Any]) -> None:
    scopes = help_all["scope_to_help_info"]
    for table, settings in toml.loads(text).items():
        scope = "" if table == "GLOBAL" else table
        if scope in scopes:
            options = {option["config_key"] for kind in _KINDS for option in scopes[scope][kind]}
            assert set(settings) <= options
        if table == "oci":
            # A page may show only the one key that it explains.
            registries = settings.get("registries", {}).items()
            Registries.from_option({alias: {"address": "shown.example", **keys} for alias, keys in registries})


@pytest.mark.parametrize("text", blocks("yaml"))
def test_yaml_is_valid(text: str) -> None:
    documents = list(yaml.safe_load_all(text))
    assert documents
    # An unquoted command that ends in `::` is parsed as a key.
    assert [key for key, _ in _pairs(documents) if " " in key] == []


@pytest.mark.parametrize("line", pants_commands())
def test_goals_and_flags_of_commands_exist(line: str, help_all: dict[str, Any]) -> None:
    words = [word for word in shlex.split(_OPERATORS.sub("", line), comments=True) if word not in ("…", "...")]
    words = words[: words.index("--")] if "--" in words else words
    scopes = help_all["scope_to_help_info"]
    goals: list[str] = []
    for word in words:
        if not word.startswith("-"):
            if _ARGUMENT.search(word) or (goals and goals[0] in _HELP):
                break
            assert scopes.get(word, {}).get("is_goal") or word in _HELP, f"{word} is not a goal"
            goals.append(word)
    assert goals
    flags = {flag for scope in scopes.values() for flag in _flags(scope, short=scope["scope"] in ("", *goals))}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in flags


_KINDS = ("basic", "advanced", "deprecated")
_HELP = ("help", "help-all", "help-advanced")


def _flags(scope: dict[str, Any], *, short: bool) -> Iterator[str]:
    for kind in _KINDS:
        for option in scope[kind]:
            texts = [*option["display_args"], *(option["unscoped_cmd_line_args"] if short else ())]
            for text in texts:
                name = text.partition("=")[0]
                yield name.replace("[no-]", "")
                yield name.replace("[no-]", "no-")
