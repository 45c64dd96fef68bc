"""`pants experimental-deploy`: publish the images that manifests name, then apply the manifests with a tool.

Pants makes the processes of all deployments first, then publishes what they need, and runs the processes only if
nothing failed. So every error that does not need a registry is reported before anything is published. Rendered
manifests can be the input of a process, because images have their digests before they are published.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from pants.core.goals.deploy import DeployFieldSet, DeployProcess
from pants.engine.rules import _uncacheable_rule, collect_rules
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from ocikit.printable import printable
from pants_oci.deploy.apply import CheckedRequest, call_checked
from pants_oci.deploy.command import (
    AppliedCommand,
    check_meaningless,
    in_order,
    own_folder,
    runs_dry,
    tool_command,
)
from pants_oci.deploy.tool import FindToolRequest, RunToolRequest, call_find_tool, call_tool_process
from pants_oci.errors import errors_of
from pants_oci.publish.mode import RunMode
from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.deployment import DeploymentTool
from pants_oci.targets.deployment_field_set import DeploymentFieldSet


# Uncacheable, because the rules that it calls are.
@_uncacheable_rule(desc="Prepare an OCI deployment", level=LogLevel.DEBUG)
async def deploy(field_set: DeploymentFieldSet, oci: OciSubsystem, mode: RunMode) -> DeployProcess:
    address = field_set.address
    deployment = application(field_set)
    with errors_of(address):
        check_meaningless(deployment)
    is_run = runs_dry(deployment) or not mode.dry_run
    if is_run:
        # Checked before anything is built, because that may take long.
        await call_find_tool(FindToolRequest(address, deployment.program))
    applied = await call_checked(CheckedRequest(field_set))
    folder = own_folder(address.spec_path, applied.folder)
    sources = in_order([posixpath.relpath(source, folder) for source in applied.sources], field_set.sources.value or ())
    with errors_of(address):
        command = tool_command(
            deployment,
            sources,
            name=address.target_name,
            context=oci.deployment_context,
            namespace=oci.deployment_namespace,
            dry_run=mode.dry_run,
        )
    name = printable(str(address))
    if not is_run:
        return DeployProcess(name, None, applied.pushes, printable(f"(dry run: {command})"))
    tool = await call_tool_process(RunToolRequest(address, command.words, folder, applied.digest))
    place = f"{command.place} (dry run: nothing changed)" if mode.dry_run else command.place
    process = DeployProcess(name, tool.process, applied.pushes, printable(place) or None)
    # The process needs this environment and has no reference to it. Pants keeps `process` until the run ends.
    object.__setattr__(process, "environment", tool.environment)
    return process


def application(field_set: DeploymentFieldSet) -> AppliedCommand:
    """The values of the fields."""
    return AppliedCommand(
        DeploymentTool(field_set.tool.value),
        field_set.command.value or (),
        field_set.arguments.value or (),
        field_set.context.value,
        field_set.namespace.value,
        field_set.stack.value,
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(DeployFieldSet, DeploymentFieldSet))
