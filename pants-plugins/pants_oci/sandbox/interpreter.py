"""Select the Python that runs ocikit: preferably one with the newest releases of its requirements."""

from __future__ import annotations

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import PythonProvider
from pants.backend.python.util_rules.pex_cli import PexCliProcess
from pants.engine.unions import UnionMembership
from pants.util.logging import LogLevel

from pants_oci.compat import (
    EnvironmentTarget,
    concurrently,
    execute_process,
    find_interpreter,
    implicitly,
    setup_pex_cli_process,
)
from pants_oci.log import printable_logger
from pants_oci.subsystem import Ocikit

logger = printable_logger(__name__)


# Not a rule: only the rule that sets up the tool calls it, once in each environment.
async def tool_constraints(
    tool: Ocikit, environment: EnvironmentTarget, unions: UnionMembership
) -> InterpreterConstraints:
    """Return the constraints to select the tool's Python with.

    Pex selects the oldest Python that fits. For Pythons without upstream support, the lock file has older releases.
    Only Pex knows the available Pythons, because it skips those that it cannot run.
    """
    allowed, preferred = tool.interpreter_constraints, tool.preferred_interpreter_constraints
    if preferred is None:
        return allowed
    if unions.get(PythonProvider):
        # A backend that installs Pythons selects the oldest one that fits, and can install all of them.
        return preferred
    process = await setup_pex_cli_process(
        PexCliProcess(
            subcommand=(),
            extra_args=(
                *preferred.generate_pex_arg_list(),
                "--",
                "-c",
                "import os, sys; print(os.path.realpath(sys.executable))",
            ),
            description=f"Find a Python with the newest requirements of ocikit: {preferred}",
            level=LogLevel.DEBUG,
            # Failures are cached too. Otherwise every run would search again for a Python that does not exist.
            cache_scope=environment.executable_search_path_cache_scope(cache_failures=True),
        ),
        **implicitly(),
    )
    oldest, found = await concurrently(
        find_interpreter(allowed, **implicitly()), execute_process(process, **implicitly())
    )
    if found.exit_code:
        logger.debug(
            "ocikit runs on %s with older releases of its requirements, because Pex found no %s.",
            oldest.path,
            preferred,
        )
        return allowed
    # If the oldest is new enough, reuse the result that Pants already has.
    return allowed if found.stdout.decode().strip() == oldest.path else preferred
