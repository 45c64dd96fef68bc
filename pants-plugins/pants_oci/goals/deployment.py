"""`pants oci-deployment`: rendered manifests that are committed; and the options of deployments."""

from __future__ import annotations

from pants.engine.goal import GoalSubsystem
from pants.option.option_types import BoolOption, StrOption
from pants.util.strutil import help_text, softwrap

from pants_oci.targets.deployment import OciDeploymentTarget


class OciDeploymentSubsystem(GoalSubsystem):
    name = "oci-deployment"
    help = help_text(
        f"""
        Write what `{OciDeploymentTarget.alias}` targets render into the repository, where `rendered` says. Commit it:
        it tells, and locks, what runs where.
        """
    )

    check = BoolOption(
        default=False,
        help=softwrap(
            """
            Write nothing, and fail where the committed files are not what would be rendered. With `package` and
            `experimental-deploy`, too, and before anything is published.
            """
        ),
    )
    committed = BoolOption(
        default=False,
        help=softwrap(
            """
            With `experimental-deploy`: apply the committed files as they are, and build and publish nothing. The
            registries are asked first whether they have what is pinned. This is how to go back to an earlier commit.
            """
        ),
    )
    context = StrOption(
        default=None,
        help=softwrap(
            """
            The context of kubectl, or of Docker for stacks, for targets that name none.
            """
        ),
    )
    namespace = StrOption(
        default=None,
        help=softwrap(
            """
            The namespace for kubectl, for targets that name none.
            """
        ),
    )
    dry_run = BoolOption(
        default=False,
        help=softwrap(
            """
            With `experimental-deploy`: publish nothing and change nothing. kubectl asks the cluster what would change
            (`--dry-run=server`); of other tools only the command is shown.
            """
        ),
    )
