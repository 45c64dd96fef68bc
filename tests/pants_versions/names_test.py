"""The names that the plugin uses of Pants exist in every supported release."""

from __future__ import annotations

import ast

import pytest
from pants.version import VERSION

from pants_oci import compat
from pants_versions import used
from pants_versions.check import Check
from pants_versions.table import load

RELEASES = load()


@pytest.fixture(params=RELEASES)
def check(request: pytest.FixtureRequest) -> Check:
    label: str = request.param  # type: ignore[attr-defined]
    return Check(label, RELEASES)


def _rules_by_name(check: Check, compat: ast.Module) -> dict[str, tuple[str, str]]:
    """Module and name of the rules that `pants_oci` calls, by their names there; none for releases without calls."""
    names = {here: (module, name) for module, name, here in used.imported(compat)}
    return names if check.flags()["CALLS_BY_NAME"] else {}


def test_all_names_exist(check: Check) -> None:
    trees = {path: check.taken(tree) for path, tree in used.sources().items()}
    rules = _rules_by_name(check, trees[used.PANTS_OCI / "compat.py"])
    problems = [
        f"{path.name}: {problem}"
        for path, tree in trees.items()
        for problem in (*check.names(tree), *check.requests(tree), *check.calls(tree, rules))
    ]
    assert problems + list(check.parameters(trees.values())) == []


def test_no_release_is_missing() -> None:
    minors = [int(label.split(".")[1]) for label in RELEASES]
    assert minors == list(range(17, minors[-1] + 1))
    assert minors[-1] >= 34


def test_the_installed_pants_matches_the_table() -> None:
    label = ".".join(VERSION.split(".")[:2])
    assert {flag: bool(getattr(compat, flag)) for flag in used.flags()} == Check(label, RELEASES).flags()


def test_a_release_takes_one_branch_as_a_whole() -> None:
    source = (used.PANTS_OCI / "compat.py").read_text()
    defined = {
        label: {
            name
            for node in ast.walk(Check(label, RELEASES).taken(ast.parse(source)))
            for name in _defined(node)
            if not name.startswith("_")
        }
        for label in RELEASES
    }
    imported = {
        alias.name
        for tree in used.sources().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "pants_oci.compat"
        for alias in node.names
    }
    assert {label: imported - names for label, names in defined.items() if imported - names} == {}


def _defined(node: ast.AST) -> list[str]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return [node.name]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


@pytest.mark.parametrize(
    "label, source, problem",
    [
        ("2.31", "from pants.engine.fs import NoSuchThing", "NoSuchThing: the table does not know it. Where Pants has"),
        ("2.32", "from pants.engine.rules import Get", "2.32 has no pants.engine.rules.Get: it is in 2.17 to 2.31"),
        ("2.27", "from pants.core.goals.publish import CheckSkipRequest", "it is in 2.32 to"),
    ],
)
def test_a_missing_name_is_reported(label: str, source: str, problem: str) -> None:
    (found,) = Check(label, RELEASES).names(ast.parse(source))
    assert problem in found


def test_an_unsatisfied_rule_parameter_is_reported() -> None:
    source = "class Own: ...\n@rule(desc='x')\nasync def make(a: Own, b: UnionMembership, c: Quux) -> Own: ..."
    assert [text.split(". ")[0] for text in Check("2.30", RELEASES).parameters([ast.parse(source)])] == [
        "Pants 2.30: nothing gives the rule make a Quux"
    ]


def test_an_unsatisfied_get_is_reported() -> None:
    source = "from pants.engine.fs import Digest, Snapshot\na = _get(Digest, PathGlobs)\nb = _get(Digest, SourceFiles)"
    (found,) = Check("2.18", RELEASES).requests(ast.parse(source))
    assert "no rule makes a Digest of a SourceFiles" in found


@pytest.mark.parametrize(
    "argument, problem",
    [
        ("{process: Process}", None),
        ("Process()", None),
        ("{tree: MergeDigests}", "no MergeDigests"),
        ("process", "write {process: Type}"),
    ],
)
def test_a_wrong_rule_call_is_reported(argument: str, problem: str | None) -> None:
    tree = ast.parse(f"execute_process(**implicitly({argument}))")
    names = {"execute_process": ("pants.engine.intrinsics", "execute_process")}
    found = list(Check("2.33", RELEASES).calls(tree, names))
    assert [str(problem) in text for text in found] == ([True] if problem else [])
