"""The names that the plugin uses in a release, with everything that they depend on."""

from __future__ import annotations

import ast
from collections import deque

from pants_versions import interface
from pants_versions.release import Release
from pants_versions.table import ReleaseTable, Rule, Symbol
from pants_versions.used import Requirements

# How far from the used names the types of members and parameters are followed; types further away are `Any`.
_DISTANCE_OF_TYPES = 2
# How far rules are followed: the rules for the used types, the rules for their inputs, and once more.
_DISTANCE_OF_RULES = 3


def gather(release: Release, requirements: Requirements) -> ReleaseTable:
    """Collect the used names, the names that their interfaces need, and the rules around them."""
    found = ReleaseTable(release.version)
    waiting = deque((module, name, 0) for module, name in requirements.names)
    while waiting:
        module, name, distance = waiting.popleft()
        if found.find(module, name):
            continue
        statements = release.definitions(module).get(name)
        if statements is None:
            submodule = f"{module}.{name}"
            if release.path(submodule) or release.is_package(submodule):
                found.symbols.setdefault(module, {})[name] = Symbol("module", "")
            continue
        described = interface.described(name, statements, requirements.members)
        found.symbols.setdefault(module, {})[name] = Symbol(described.kind, described.stub)
        if described.kind == "import":
            waiting.extend((*place, distance) for place in _imported(described.stub))
        waiting.extend((module, need, distance) for need in described.base)
        if distance < _DISTANCE_OF_TYPES:
            waiting.extend((module, need, distance + 1) for need in described.needs)
    found.rules.update(_rules(release, requirements.types))
    return found


def _imported(stub: str) -> list[tuple[str, str]]:
    (statement,) = ast.parse(stub).body
    if isinstance(statement, ast.ImportFrom) and (statement.module or "").split(".")[0] == "pants":
        return [(str(statement.module), statement.names[0].name)]
    return []


def _rules(release: Release, types: frozenset[str]) -> set[Rule]:
    found: set[Rule] = set()
    asked: set[str] = set()
    for _ in range(_DISTANCE_OF_RULES):
        types, asked = types - asked, asked | types
        rules = [rule for rule in release.rules if rule.output in types]
        found.update(rules)
        types = frozenset(each for rule in rules for each in rule.inputs)
    return found
