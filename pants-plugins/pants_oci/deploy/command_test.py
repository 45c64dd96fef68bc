from __future__ import annotations

from typing import Any

import pytest

from ocikit.errors import InvalidInput
from pants_oci.deploy.command import AppliedCommand, check_meaningless, in_order, own_folder, tool_command
from pants_oci.targets.deployment import DeploymentTool

KUSTOMIZE, STACK = DeploymentTool.KUSTOMIZE, DeploymentTool.STACK
COMMANDS = [
    pytest.param(
        {}, {}, "kubectl apply --server-side --filename=a.yaml --filename=b/c.yaml", "the current context"
    , id="kubectl"),
    pytest.param(
        {"context": "production", "namespace": "shop", "arguments": ("--force-conflicts",)},
        {"context": "lab", "namespace": "other"},
        "kubectl --context=production --namespace=shop apply --server-side --force-conflicts "
        "--filename=a.yaml --filename=b/c.yaml",
        "context production, namespace shop",
        id="kubectl-with-fields",
    ),
    pytest.param(
        {},
        {"context": "lab", "namespace": "other", "dry_run": True},
        "kubectl --context=lab --namespace=other apply --server-side --dry-run=server "
        "--filename=a.yaml --filename=b/c.yaml",
        "context lab, namespace other",
        id="kubectl-with-options",
    ),
    pytest.param(
        {"tool": KUSTOMIZE, "namespace": "shop"},
        {"sources": ("overlays/eu/kustomization.yaml", "overlays/eu/web.yaml"), "dry_run": True},
        "kubectl --namespace=shop apply --server-side --dry-run=server --kustomize=overlays/eu",
        "the current context, namespace shop",
        id="kustomize",
    ),
    pytest.param(
        {"tool": KUSTOMIZE},
        {"sources": ("base/kustomization.yml", "Kustomization", "lab/kustomization.yaml")},
        "kubectl apply --server-side --kustomize=.",
        "the current context",
        id="kustomize-with-bases",
    ),
    pytest.param(
        {"tool": STACK},
        {"namespace": "other"},
        "docker stack deploy --with-registry-auth --compose-file=a.yaml --compose-file=b/c.yaml web",
        "stack web",
        id="stack",
    ),
    pytest.param(
        {"tool": STACK, "stack": "shop", "context": "swarm", "arguments": ("--prune",)},
        {"context": "lab"},
        "docker --context=swarm stack deploy --with-registry-auth --compose-file=a.yaml --compose-file=b/c.yaml "
        "--prune shop",
        "stack shop, context swarm",
        id="stack-with-fields",
    ),
    pytest.param(
        {"command": ("helm", "upgrade", "my web")}, {"context": "lab"}, "helm upgrade 'my web'", "", id="command"
    ),
    pytest.param({"tool": STACK, "command": ("x",)}, {}, "x", "", id="command-and-tool"),
]  # fmt: skip


@pytest.mark.parametrize("fields, given, expected, place", COMMANDS)
def test_the_command(fields: dict[str, Any], given: dict[str, Any], expected: str, place: str) -> None:
    application = AppliedCommand(**fields)
    check_meaningless(application)
    command = tool_command(application, **{"sources": ("a.yaml", "b/c.yaml"), "name": "web", **given})
    assert (str(command), command.place) == (expected, place)


@pytest.mark.parametrize(
    "fields, message",
    [
        pytest.param({"stack": "shop"}, '`stack` is not used with `tool="kubectl"`; leave', id="stack"),
        pytest.param({"tool": STACK, "namespace": "shop"}, '`namespace` is not used with `tool="stack"`', id="swarm"),
        pytest.param({"tool": KUSTOMIZE, "stack": "x"}, '`stack` is not used with `tool="kustomize"`', id="kustomize"),
        pytest.param(
            {"command": ("x",), "context": "lab"}, "`context` is not used with `command`; write it", id="command"
        ),
        pytest.param({"command": ("x",), "arguments": ("-v",)}, "`arguments` is not used with", id="arguments"),
    ],
)
def test_a_field_that_is_not_used_is_rejected(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        check_meaningless(AppliedCommand(**fields))


@pytest.mark.parametrize(
    "sources, message",
    [
        pytest.param(("web.yaml",), 'got none. Add "kustomization.yaml"', id="none"),
        pytest.param(("a/kustomization.yaml", "b/kustomization.yaml"), "got a/k.*, b/k.* for each", id="several"),
    ],
)
def test_no_kustomization_or_several(sources: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        tool_command(AppliedCommand(KUSTOMIZE), sources, name="web")


@pytest.mark.parametrize(
    "patterns, expected",
    [
        (("*.yaml",), ("a.yaml", "b.yaml", "z/c.yaml")),
        (("z/*", "b.yaml", "a.yaml"), ("z/c.yaml", "b.yaml", "a.yaml")),
        (("*.yaml", "!x.yaml", "a.yaml"), ("b.yaml", "z/c.yaml", "a.yaml")),
    ],
    ids=["a-pattern", "names", "both"],
)
def test_the_order_of_sources(patterns: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert in_order(("a.yaml", "b.yaml", "z/c.yaml"), patterns) == expected


@pytest.mark.parametrize(
    "spec_path, folder, expected", [("a/b", "a/b", "."), ("a/b", "a", "b"), ("a/b", "", "a/b"), ("", "", ".")]
)
def test_the_own_folder(spec_path: str, folder: str, expected: str) -> None:
    assert own_folder(spec_path, folder) == expected
