"""`pants oci-render`: write rendered manifests to commit; `--oci-deployment-check` only reports differences."""

from __future__ import annotations

from collections.abc import Iterable

from pants.base.specs import Specs
from pants.engine.console import Console
from pants.engine.fs import CreateDigest, Workspace
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.rules import collect_rules, goal_rule
from pants.util.strutil import help_text

from ocikit.printable import printable
from pants_oci.compat import concurrently, create_digest, filtered_targets_of_specs, implicitly
from pants_oci.deploy.committed_text import changed_lines
from pants_oci.deploy.compare import Compared, ComparedRequest, call_compared
from pants_oci.deploy.render import warn_of_skipped
from pants_oci.log import printable_logger
from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.deployment import OciDeploymentRenderedDirField, OciDeploymentTarget
from pants_oci.targets.deployment_field_set import DeploymentFieldSet

logger = printable_logger(__name__)


class OciRenderSubsystem(GoalSubsystem):
    name = "oci-render"
    help = help_text(
        f"""
        Write the files that `{OciDeploymentTarget.alias}` targets render into the folders of `rendered_dir`. Commit
        them: they record, and lock, what runs where.

        With `--oci-deployment-check`, write nothing, report how the committed files differ from the rendered ones, and
        exit with 1 if they do.

        Example:

            pants oci-render ::
            pants --oci-deployment-check oci-render ::
        """
    )


class OciRender(Goal):
    subsystem_cls = OciRenderSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


# Takes all that Pants gives a goal: of what it left, each rule below would get one more version (docs/architecture.md).
@goal_rule
async def oci_render(specs: Specs, oci: OciSubsystem, console: Console, workspace: Workspace) -> OciRender:
    targets = await filtered_targets_of_specs(**implicitly({specs: Specs}))
    found = [DeploymentFieldSet.create(target) for target in targets if DeploymentFieldSet.is_applicable(target)]
    chosen = [field_set for field_set in found if field_set.rendered_dir.value is not None]
    others = ", ".join(str(field_set.address) for field_set in found if field_set not in chosen)
    if not found:
        logger.warning("There is no `%s` to render.", OciDeploymentTarget.alias)
    if others:
        logger.info("Skipped, because they have no `%s`: %s.", OciDeploymentRenderedDirField.alias, others)
    compared = await concurrently(call_compared(ComparedRequest(field_set)) for field_set in chosen)
    for one in compared:
        warn_of_skipped(one.address, one.images)
    differs = [one for one in compared if one.difference]
    if oci.deployment_check:
        for one in differs:
            _print_difference(one, console)
    else:
        digests = await concurrently(create_digest(CreateDigest(one.changed)) for one in differs)
        for one, digest in zip(differs, digests):
            workspace.write_digest(digest, path_prefix=one.folder)
            _print_written(one, console)
    if chosen and not differs:
        console.print_stdout("The committed files are up to date.")
    if oci.deployment_check and differs:
        console.print_stderr(
            "The committed files differ from the rendered ones. Run `pants oci-render`, and commit the result."
        )
        return OciRender(1)
    return OciRender(0)


def _print_difference(one: Compared, console: Console) -> None:
    difference = one.difference
    for line in difference.lines(one.folder):
        console.print_stdout(printable(f"{one.address}: {line}"))
    for name in difference.stale:
        console.print_stdout(printable(f"--- {one.folder}/{name}"))
        for line in changed_lines(one.committed[name].content, one.rendered[name].content):
            console.print_stdout(printable(line))


def _print_written(one: Compared, console: Console) -> None:
    for file in one.changed:
        console.print_stdout(printable(f"{one.address}: wrote {one.folder}/{file.path}"))
    for name in one.difference.left_over:
        logger.warning("%s: nothing renders %s/%s; delete it, or it stays applied.", one.address, one.folder, name)


def rules() -> Iterable[object]:
    return collect_rules()
