"""How a deployment is applied: the command of its tool, and in words where to."""

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
class Application:
    """What the fields of a target say; empty is what they do not say. `command` stands in place of `tool`."""

    tool: DeploymentTool = DeploymentTool.KUBECTL
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    context: str | None = None
    namespace: str | None = None
    stack: str | None = None

    @property
    def by(self) -> str:
        """The field that says what applies it, as a BUILD file has it."""
        return "`command`" if self.command else f'`tool="{self.tool.value}"`'


@dataclass(frozen=True)
class ToolCommand:
    """`place`: where it deploys to, in words; empty where only the command knows."""

    words: tuple[str, ...]
    place: str = ""

    def __str__(self) -> str:
        return shlex.join(self.words)


def refuse_meaningless(wanted: Application) -> None:
    """Raises InvalidInput for a field that what applies the deployment would not heed."""
    if wanted.command:
        heeded: tuple[str, ...] = ()
    else:
        heeded = ("arguments", "context", "stack" if wanted.tool is DeploymentTool.STACK else "namespace")
    for name in ("arguments", "context", "namespace", "stack"):
        if getattr(wanted, name) and name not in heeded:
            instead = "write it into the command" if wanted.command else "leave it out"
            raise InvalidInput(f"the field `{name}` means nothing with {wanted.by}; {instead}.")


def tool_command(
    wanted: Application,
    sources: Sequence[str],
    *,
    name: str,
    context: str | None = None,
    namespace: str | None = None,
    dry_run: bool = False,
) -> ToolCommand:
    """The command that applies `sources`, paths from the target's folder, where it is run.

    `context` and `namespace` are those of the options: what a target says itself wins. `name` is the target's. With
    `dry_run` kubectl only asks the cluster; others have nothing like it, and must not be run. Raises InvalidInput.
    """
    if wanted.command:
        return ToolCommand(wanted.command)
    context = wanted.context or context
    if wanted.tool is DeploymentTool.STACK:
        stack = wanted.stack or name
        files = [f"--compose-file={source}" for source in sources]
        docker = ["docker", *_option("context", context), "stack", "deploy", "--with-registry-auth"]
        place = f"stack {stack}, context {context}" if context else f"stack {stack}"
        return ToolCommand((*docker, *files, *wanted.arguments, stack), place)
    namespace = wanted.namespace or namespace
    if wanted.tool is DeploymentTool.KUSTOMIZE:
        files = [f"--kustomize={_kustomization(sources)}"]
    else:
        files = [f"--filename={source}" for source in sources]
    kubectl = ["kubectl", *_option("context", context), *_option("namespace", namespace), "apply", "--server-side"]
    dry = ["--dry-run=server"] if dry_run else []
    place = f"context {context}" if context else "the current context"
    return ToolCommand(
        (*kubectl, *dry, *wanted.arguments, *files), f"{place}, namespace {namespace}" if namespace else place
    )


def runs_dry(wanted: Application) -> bool:
    """Whether what applies it can tell what would change, and change nothing."""
    return not wanted.command and wanted.tool is not DeploymentTool.STACK


def in_order(sources: Sequence[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Sources as the field `sources` names them, first those of its first pattern: a later Compose file overrides."""
    globs = [pattern for pattern in patterns if not pattern.startswith("!")]

    def rank(source: str) -> tuple[int, str]:
        # A name says more than a pattern, wherever it stands.
        named = [globs.index(source)] if source in globs else []
        matching = [number for number, glob in enumerate(globs) if fnmatchcase(source, glob)]
        return next(iter((*named, *matching)), len(globs)), source

    return tuple(sorted(sources, key=rank))


def own_folder(spec_path: str, folder: str) -> str:
    """The target's folder as seen from `folder`, which is above it or the same."""
    return posixpath.relpath(f"/{spec_path}", f"/{folder}")


def _option(name: str, value: str | None) -> tuple[str, ...]:
    return (f"--{name}={value}",) if value else ()


def _kustomization(sources: Sequence[str]) -> str:
    """The folder to apply: the target's own where it has a kustomization, else that of the only one."""
    found = [source for source in sources if PurePosixPath(source).name in _KUSTOMIZATIONS]
    folders = list(dict.fromkeys(posixpath.dirname(source) or posixpath.curdir for source in found))
    if posixpath.curdir in folders:
        return posixpath.curdir
    if len(folders) == 1:
        return folders[0]
    do = "Write an `oci_deployment` for each that is to be applied." if found else 'Add "kustomization.yaml" to them.'
    raise InvalidInput(
        '`tool="kustomize"`: wanted one kustomization among the `sources`, or several of which one is in the target\'s '
        f"own folder; found {', '.join(found) or 'none'}. {do}"
    )
