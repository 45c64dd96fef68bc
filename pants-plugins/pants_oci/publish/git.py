"""Values of the checked-out Git commit, read only if a placeholder needs them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.base.build_environment import get_buildroot
from pants.core.util_rules.system_binaries import BinaryPathRequest
from pants.engine.env_vars import EnvironmentVarsRequest
from pants.engine.process import Process, ProcessCacheScope
from pants.engine.rules import collect_rules, rule
from pants.option.global_options import KeepSandboxes
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_oci.compat import (
    by_name,
    concurrently,
    environment_vars_subset,
    execute_process_in,
    execution_on_this_machine,
    find_binary,
    implicitly,
)

_SHORT = 7
_COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("git.sha", ("rev-parse", "--verify", "HEAD")),
    ("git.branch", ("symbolic-ref", "--short", "--quiet", "HEAD")),
    ("git.tag", ("describe", "--tags", "--exact-match", "HEAD")),
)


@dataclass(frozen=True)
class GitFactsRequest:
    """Query the Git repository that contains the build root."""


@dataclass(frozen=True)
class GitFacts:
    """Values of the `git.` placeholders; None if Git has no such value."""

    values: FrozenDict[str, str | None]


@rule(desc="Query Git for the commit", level=LogLevel.DEBUG)
async def git_facts(_: GitFactsRequest, keep_sandboxes: KeepSandboxes) -> GitFacts:
    environment = await environment_vars_subset(EnvironmentVarsRequest(("HOME", "PATH")), **implicitly())
    search_path = tuple(environment.get("PATH", "/usr/bin:/bin").split(":"))
    git = await find_binary(BinaryPathRequest(binary_name="git", search_path=search_path), **implicitly())
    if not git.first_path:
        return GitFacts(FrozenDict(_placeholders({})))
    results = await concurrently(
        execute_process_in(
            Process(
                (git.first_path.path, "-C", get_buildroot(), *arguments),
                env=environment,
                description=f"Query Git for {name}",
                # The result changes with every commit, which is not an input of the process.
                cache_scope=ProcessCacheScope.PER_SESSION,
                level=LogLevel.DEBUG,
            ),
            execution_on_this_machine(keep_sandboxes),
        )
        for name, arguments in _COMMANDS
    )
    return GitFacts(
        FrozenDict(
            _placeholders(
                {
                    name: result.stdout.decode().strip()
                    for (name, _arguments), result in zip(_COMMANDS, results)
                    if result.exit_code == 0
                }
            )
        )
    )


call_git_facts = by_name(git_facts, GitFacts, GitFactsRequest)


def _placeholders(answers: dict[str, str]) -> dict[str, str | None]:
    sha = answers.get("git.sha")
    return {
        **{name: answers.get(name) for name, _arguments in _COMMANDS},
        "git.short_sha": sha[:_SHORT] if sha else None,
    }


def rules() -> Iterable[object]:
    return collect_rules()
