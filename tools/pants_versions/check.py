"""Check sources of `pants_oci` against one release of Pants in the table. Pure.

It checks names, the parameters of rules, and requests to rules of Pants. A type checker with `stubs` checks signatures.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pants_versions import used
from pants_versions.release import is_rule
from pants_versions.table import ReleaseTable

# Types that the engine itself provides to goals and the rules below them.
_GIVEN = ("Console", "EnvironmentName", "Specs", "Workspace")
_SUBSYSTEMS = ("GoalSubsystem", "Subsystem")
# The most rules between an output and a request; Pants itself needs no more anywhere.
_LONGEST_WAY = 4
_ADVICE = "Where Pants has it, run tools/pants_versions/extract.py: see docs/pants-versions.md."


@dataclass(frozen=True)
class Check:
    """Checks against the release `label` of the table."""

    label: str
    releases: Mapping[str, ReleaseTable]

    @property
    def release(self) -> ReleaseTable:
        return self.releases[self.label]

    def flags(self) -> dict[str, bool]:
        """The values of the flags of `compat` with this release."""
        return {flag: bool(self.release.find(*place)) for flag, place in used.flags().items()}

    def taken(self, tree: ast.Module) -> ast.Module:
        """The module without the branches that this release does not take."""
        kept: ast.Module = _Branches(self.flags()).visit(tree)
        return kept

    def names(self, tree: ast.Module) -> Iterator[str]:
        """A problem for each imported name that the release lacks."""
        for module, name, _ in used.imported(tree):
            if not self.release.find(module, name):
                there = [label for label, one in self.releases.items() if one.find(module, name)]
                known = f"it is in {there[0]} to {there[-1]}" if there else f"the table does not know it. {_ADVICE}"
                yield f"Pants {self.label} has no {module}.{name}: {known}"

    def parameters(self, trees: Iterable[ast.Module]) -> Iterator[str]:
        """A problem for each parameter of a rule that nothing provides."""
        trees = list(trees)
        own = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        for tree in trees:
            for rule in _rules(tree):
                for parameter in rule.args.args:
                    type_ = used.bare(ast.unparse(parameter.annotation)) if parameter.annotation else "?"
                    if type_ not in own and not self._is_given(type_):
                        yield f"Pants {self.label}: nothing gives the rule {rule.name} a {type_}. {_ADVICE}"

    def requests(self, tree: ast.Module) -> Iterator[str]:
        """A problem for each `_get(Output, Request)` that no rule satisfies."""
        imported = {here: (module, name) for module, name, here in used.imported(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node) == "_get" and len(node.args) == 2:
                output, request = (used.bare(ast.unparse(argument)) for argument in node.args)
                if isinstance(node.args[0], ast.Name) and output in imported and not self._leads(request, output):
                    yield f"Pants {self.label}: no rule makes a {output} of a {request}. {_ADVICE}"

    def calls(self, tree: ast.Module, names: Mapping[str, tuple[str, str]]) -> Iterator[str]:
        """A problem for each wrong `**implicitly(…)` in calls of `names`, rules of Pants by their names here."""
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or _name(node) not in names:
                continue
            place = names[_name(node)]
            takes = self._parameters_of(*place)
            for request in _implicit(node):
                if not any(self._leads(request, type_) for type_ in takes):
                    yield f"Pants {self.label}: {'.'.join(place)} takes {', '.join(takes)}; no {request}. {_ADVICE}"

    def _is_given(self, type_: str) -> bool:
        return type_ in _GIVEN or type_ in self.release.rules_by_output or self._is_subsystem(type_)

    def _is_subsystem(self, type_: str) -> bool:
        for symbols in self.release.symbols.values():
            symbol = symbols.get(type_)
            if symbol and symbol.kind == "class":
                (node,) = (part for part in ast.parse(symbol.stub).body if isinstance(part, ast.ClassDef))
                bases = [used.bare(ast.unparse(base)) for base in node.bases]
                return any(base in _SUBSYSTEMS or self._is_subsystem(base) for base in bases)
        return False

    def _leads(self, request: str, output: str) -> bool:
        """Whether rules make `output` from `request`."""
        found = pending = {output}
        for _ in range(_LONGEST_WAY):
            rules = (rule for each in pending for rule in self.release.rules_by_output.get(each, ()))
            pending = {each for rule in rules for each in rule.inputs} - found
            found = found | pending
        return request in found

    def _parameters_of(self, module: str, name: str) -> list[str]:
        symbol = self.release.find(module, name)
        (node,) = ast.parse(symbol.stub if symbol else "pass").body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            return self._parameters_of(module, node.value.id)
        if not isinstance(node, ast.AsyncFunctionDef):
            return []
        return [used.bare(ast.unparse(each.annotation)) for each in node.args.args if each.annotation]


class _Branches(ast.NodeTransformer):
    def __init__(self, flags: Mapping[str, bool]) -> None:
        self._flags = flags

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id in self._flags:
            return node.body if self._flags[node.test.id] else node.orelse
        return node


def _rules(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_rule(node):
            yield node


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _implicit(call: ast.Call) -> Iterator[str]:
    """The types in `**implicitly(Type(…))` and `**implicitly({value: Type})`."""
    for keyword in call.keywords:
        given = keyword.value
        if keyword.arg is None and isinstance(given, ast.Call) and _name(given) == "implicitly":
            for argument in given.args:
                if isinstance(argument, ast.Dict):
                    yield from (used.bare(ast.unparse(value)) for value in argument.values)
                elif isinstance(argument, ast.Call) and _name(argument)[:1].isupper():
                    yield _name(argument)
                else:
                    # Pants cannot always tell what a variable holds.
                    yield f"(write {{{ast.unparse(argument)}: Type}})"
