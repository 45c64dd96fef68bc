"""Pants 2.32 and later ask before packaging whether a push is skipped; the answer does not build the image."""

from __future__ import annotations

import pytest
from pants.engine.addresses import Address
from pants.testutil.rule_runner import QueryRule, RuleRunner

from pants_oci import register
from pants_oci.compat import CheckSkipResult
from pants_oci.goals.package import PackagedFieldSet
from pants_oci.publish.push import PushFieldSet, SkipPushRequest

# The image cannot be built: its base does not exist.
BUILD = """
oci_base(name="os", path="nowhere")
oci_image(name="image", base=":os")
oci_push(name="off", image=":image", image_tags=["latest", "at-{digest}"], skip_push=True)
oci_push(name="on", image=":image")
"""
REGISTRIES = {
    "a": {"address": "a.example", "default": True, "skip_push": True},
    "b": {"address": "b.example", "default": True},
}


@pytest.fixture(scope="module")
def runner() -> RuleRunner:
    rules = [*register.rules(), QueryRule(CheckSkipResult, [SkipPushRequest])]
    runner = RuleRunner(rules=rules, target_types=list(register.target_types()))
    runner.write_files({"app/BUILD": BUILD})
    return runner


def ask(runner: RuleRunner, name: str, registries: dict[str, dict[str, object]]) -> CheckSkipResult:
    runner.set_options([f"--oci-registries={registries!r}"], env_inherit={"PATH"})
    target = runner.get_target(Address("app", target_name=name))
    request = PushFieldSet.create(target).check_skip_request(PackagedFieldSet.create(target))
    return runner.request(CheckSkipResult, [request])


def test_a_skipped_push_has_its_rows_and_is_not_built(runner: RuleRunner) -> None:
    (latest, other) = ask(runner, "off", {"b": REGISTRIES["b"]}).inner
    assert (latest.names, latest.process, latest.description) == (("b.example/app:latest",), None, "(skip_push)")
    assert other.names == ("b.example/app:at-unbuilt",)
    (row,) = latest.data["references"]
    assert (row.outcome, row.digest, row.tag) == ("skipped", "", "latest")
    assert str(latest.data["target"]) == "app:off"


@pytest.mark.parametrize("some, is_skipped", [("a", True), ("ab", False), ("b", False)])
def test_a_push_is_skipped_if_every_registry_is(some: str, is_skipped: bool, runner: RuleRunner) -> None:
    assert bool(ask(runner, "on", {alias: REGISTRIES[alias] for alias in some}).inner) is is_skipped
