"""What keeps starts of Pants cheap; docs/architecture.md tells why."""

from __future__ import annotations

from collections.abc import Iterator

from pants.core.goals.package import BuiltPackage
from pants.engine.environment import EnvironmentName
from pants.engine.goal import Goal
from pants.engine.rules import TaskRule
from pants.init.engine_initializer import GraphSession

from pants_oci.register import rules


def own_rules() -> Iterator[TaskRule]:
    return (r for r in rules() if isinstance(r, TaskRule) and r.func.__module__.startswith("pants_oci."))


def test_goals_take_all_that_pants_gives_them() -> None:
    given = set(GraphSession.goal_param_types) - {EnvironmentName}
    goals = [rule for rule in own_rules() if issubclass(rule.output_type, Goal)]
    assert goals
    assert [rule.canonical_name for rule in goals if not given <= set(rule.input_selectors)] == []


def test_one_rule_gives_packages() -> None:
    assert len([rule for rule in own_rules() if rule.output_type is BuiltPackage]) == 1
