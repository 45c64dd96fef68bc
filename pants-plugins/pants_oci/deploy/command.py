"""The command that applies a deployment, and a description of where it deploys to."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from ocikit.errors import InvalidInput
from pants_oci.targets.deployment import DeploymentTool

_KUSTOMIZATIONS = ("Kustomization", "kustomization.yaml", "kustomization.yml")


@dataclass(frozen=True)
class AppliedCommand:
    """The fields of a target that make up its command; unset ones are empty. `command` replaces `tool`."""

    tool: DeploymentTool = DeploymentTool.KUBECTL
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    context: str | None = None
    namespace: str | None = None
    stack: str | None = None

    @property
    def by(self) -> str:
        """The field that selects the tool or command, as written in a BUILD file."""
        return "`command`" if self.command else f'`tool="{self.tool.value}"`'

    @property
    def program(self) -> str:
        """The first word of the command."""
        if self.command:
            return self.command[0]
        return "docker" if self.tool is DeploymentTool.STACK else "kubectl"


@dataclass(frozen=True)
class ToolCommand:
    """A command line. `place` describes where it deploys to; it is empty if only the command knows."""

    words: tuple[str, ...]
    place: str = ""

    def __str__(self) -> str:
        return shlex.join(self.words)


def check_meaningless(application: AppliedCommand) -> None:
    """Raise InvalidInput for a field that the tool or command does not use."""
    if application.command:
        used: tuple[str, ...] = ()
    else:
        used = ("arguments", "context", "stack" if application.tool is DeploymentTool.STACK else "namespace")
    for name in ("arguments", "context", "namespace", "stack"):
        if getattr(application, name) and name not in used:
            instead = "write it into the command" if application.command else "leave it out"
            raise InvalidInput(f"`{name}` is not used with {application.by}; {instead}.")


def tool_command(
    application: AppliedCommand,
    sources: Sequence[str],
    *,
    name: str,
    context: str | None = None,
    namespace: str | None = None,
    dry_run: bool = False,
) -> ToolCommand:
    """The command that applies `sources`, which are relative to the target's folder; it runs in that folder.

    `context` and `namespace` are the options; the target's fields take precedence. `name` is the target's name. With
    `dry_run`, kubectl only asks the cluster; other tools have no dry run, and must not run. Raises InvalidInput.
    """
    if application.command:
        return ToolCommand(application.command)
    context = application.context or context
    if application.tool is DeploymentTool.STACK:
        stack = application.stack or name
        files = [f"--compose-file={source}" for source in sources]
        docker = [application.program, *_option("context", context), "stack", "deploy", "--with-registry-auth"]
        place = f"stack {stack}, context {context}" if context else f"stack {stack}"
        return ToolCommand((*docker, *files, *application.arguments, stack), place)
    namespace = application.namespace or namespace
    if application.tool is DeploymentTool.KUSTOMIZE:
        files = [f"--kustomize={_kustomization(sources)}"]
    else:
        files = [f"--filename={source}" for source in sources]
    options = (*_option("context", context), *_option("namespace", namespace))
    kubectl = [application.program, *options, "apply", "--server-side"]
    dry = ["--dry-run=server"] if dry_run else []
    place = f"context {context}" if context else "the current context"
    return ToolCommand(
        (*kubectl, *dry, *application.arguments, *files), f"{place}, namespace {namespace}" if namespace else place
    )


def runs_dry(application: AppliedCommand) -> bool:
    """Whether the tool has a dry run, which shows changes without making them."""
    return not application.command and application.tool is not DeploymentTool.STACK


def in_order(sources: Sequence[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Sort sources by the patterns of the field `sources`: a later Compose file overrides earlier ones."""
    globs = [pattern for pattern in patterns if not pattern.startswith("!")]

    def rank(source: str) -> tuple[int, str]:
        # A name takes precedence over patterns, at any position.
        named = [globs.index(source)] if source in globs else []
        matching = [number for number, glob in enumerate(globs) if fnmatchcase(source, glob)]
        return next(iter((*named, *matching)), len(globs)), source

    return tuple(sorted(sources, key=rank))


def own_folder(spec_path: str, folder: str) -> str:
    """The target's folder relative to `folder`, which contains it or is the same."""
    return posixpath.relpath(f"/{spec_path}", f"/{folder}")


def _option(name: str, value: str | None) -> tuple[str, ...]:
    return (f"--{name}={value}",) if value else ()


def _kustomization(sources: Sequence[str]) -> str:
    """The folder to apply: the target's own if it has a kustomization, else the folder of the only one."""
    found = [source for source in sources if PurePosixPath(source).name in _KUSTOMIZATIONS]
    folders = list(dict.fromkeys(posixpath.dirname(source) or posixpath.curdir for source in found))
    if posixpath.curdir in folders:
        return posixpath.curdir
    if len(folders) == 1:
        return folders[0]
    do = "Write an `oci_deployment` for each one to apply." if found else 'Add "kustomization.yaml" to `sources`.'
    raise InvalidInput(
        '`tool="kustomize"`: expected one kustomization among the `sources`, or several with one in the target\'s own '
        f"folder, got {', '.join(found) or 'none'}. {do}"
    )
