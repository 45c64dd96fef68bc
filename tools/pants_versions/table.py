"""The table of what `pants_oci` uses of Pants: its first and last release, and its stub there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

PLACE = Path(__file__).with_name("symbols.json")

# Each fact is on one line of the file, so that a change of Pants is one line of a diff.
_A_FACT = re.compile(r"\{\s+\"since\".*?\n\s*\}", re.DOTALL)
_Fact = TypeVar("_Fact")


@dataclass(frozen=True)
class Symbol:
    """`kind`: alias, class, constant, function, import, module or rule. `stub`: as in a stub file."""

    kind: str
    stub: str


@dataclass(frozen=True)
class Rule:
    """A rule of Pants: the bare names of the types that it takes and returns."""

    name: str
    inputs: tuple[str, ...]
    output: str


@dataclass
class ReleaseTable:
    """The symbols and rules of one release. `version` is the exact version that was read."""

    version: str
    symbols: dict[str, dict[str, Symbol]] = field(default_factory=dict)
    rules: set[Rule] = field(default_factory=set)

    def find(self, module: str, name: str) -> Symbol | None:
        return self.symbols.get(module, {}).get(name)

    @cached_property
    def rules_by_output(self) -> Mapping[str, list[Rule]]:
        found: dict[str, list[Rule]] = {}
        for rule in sorted(self.rules, key=lambda rule: rule.name):
            found.setdefault(rule.output, []).append(rule)
        return found


def dump(releases: Mapping[str, ReleaseTable]) -> str:
    """The table as JSON: each fact once, with the first and the last release that it is true in."""
    order = list(releases)
    symbols: dict[str, dict[str, list[dict[str, object]]]] = {}
    names = {(module, name) for one in releases.values() for module, some in one.symbols.items() for name in some}
    for module, name in sorted(names):
        seen = [(label, one.find(module, name)) for label, one in releases.items()]
        spans = _spans(order, ((label, symbol) for label, symbol in seen if symbol))
        symbols.setdefault(module, {})[name] = [
            {"since": since, "until": until, "kind": symbol.kind, "stub": symbol.stub} for since, until, symbol in spans
        ]
    rules = [
        {"since": since, "until": until, **asdict(rule)}
        for rule in sorted({rule for one in releases.values() for rule in one.rules}, key=str)
        for since, until, _ in _spans(order, ((label, rule) for label, one in releases.items() if rule in one.rules))
    ]
    document = {
        "releases": {label: one.version for label, one in releases.items()},
        "rules": rules,
        "symbols": symbols,
    }
    return (
        _A_FACT.sub(lambda fact: re.sub(r"\n\s*", " ", fact[0]), json.dumps(document, indent=1, ensure_ascii=False))
        + "\n"
    )


def load(text: str | None = None) -> dict[str, ReleaseTable]:
    """Read releases by label, the oldest first; by default from the committed table."""
    document = json.loads(PLACE.read_text() if text is None else text)
    releases = {label: ReleaseTable(version) for label, version in document["releases"].items()}
    order = list(releases)
    for module, names in document["symbols"].items():
        for name, facts in names.items():
            for fact in facts:
                for label in _between(order, fact):
                    symbols = releases[label].symbols.setdefault(module, {})
                    symbols[name] = Symbol(fact["kind"], fact["stub"])
    for fact in document["rules"]:
        for label in _between(order, fact):
            releases[label].rules.add(Rule(fact["name"], tuple(fact["inputs"]), fact["output"]))
    return releases


def _between(order: list[str], fact: Mapping[str, str]) -> Iterable[str]:
    return order[order.index(fact["since"]) : order.index(fact["until"]) + 1]


def _spans(order: list[str], seen: Iterable[tuple[str, _Fact]]) -> Iterator[tuple[str, str, _Fact]]:
    """The first and the last of consecutive releases with the same fact."""
    run: list[str] = []
    last: list[_Fact] = []
    for label, fact in seen:
        if run and not (fact == last[0] and order.index(label) == order.index(run[-1]) + 1):
            yield run[0], run[-1], last[0]
            run.clear()
        run.append(label)
        last[:] = [fact]
    if run:
        yield run[0], run[-1], last[0]
