"""Which Python runs ocikit: one with the newest releases of its requirements, where one is there."""

from __future__ import annotations

import logging

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
from pants_oci.subsystem import Ocikit

logger = logging.getLogger(__name__)


# No rule: only the rule that sets up the tool asks this, once in each environment.
async def tool_constraints(
    tool: Ocikit, environment: EnvironmentTarget, unions: UnionMembership
) -> InterpreterConstraints:
    """The constraints to look for the tool's Python with.

    Pex takes the oldest Python that fits, and for Pythons that upstream no longer supports the lock file has older
    releases. Pex itself says what is there, because it skips Pythons that it cannot run.
    """
    allowed, preferred = tool.interpreter_constraints, tool.preferred_interpreter_constraints
    if preferred is None:
        return allowed
    if unions.get(PythonProvider):
        # A backend that installs Pythons gives the oldest one that fits, and has them all.
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
            # That there is none is remembered, too: a failure is else forgotten, and looked for in every run.
            cache_scope=environment.executable_search_path_cache_scope(cache_failures=True),
        ),
        **implicitly(),
    )
    oldest, found = await concurrently(
        find_interpreter(allowed, **implicitly()), execute_process(process, **implicitly())
    )
    if found.exit_code:
        logger.debug(
            "ocikit runs on %s, with older releases of its requirements: Pex found no %s.", oldest.path, preferred
        )
        return allowed
    # Where the oldest is new enough, Pants has found it already.
    return allowed if found.stdout.decode().strip() == oldest.path else preferred
