"""`pants oci-lock`: look up the tags of bases, and write their digests to the lock file; `--check` only reports."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pants.base.build_environment import get_buildroot
from pants.base.specs import Specs
from pants.engine.console import Console
from pants.engine.fs import Workspace
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.rules import collect_rules, goal_rule
from pants.engine.target import AllTargets, Target
from pants.option.option_types import BoolOption
from pants.util.strutil import help_text, softwrap

from ocikit import atomic_file
from ocikit.printable import printable
from pants_oci.bases.lock_changes import LockChanges, WantedLock, changed, checked
from pants_oci.bases.lock_process import ResolvedTags, ResolveTagsRequest, call_resolve_tags
from pants_oci.bases.lockfile import LockFileRequest, call_lock_file
from pants_oci.bases.pinned import lockable
from pants_oci.compat import implicitly, targets_of_specs
from pants_oci.errors import errors_of
from pants_oci.targets.base_field_set import BaseFieldSet


class OciLockSubsystem(GoalSubsystem):
    name = "oci-lock"
    help = help_text(
        """
        Look up the tags of `oci_base` targets, and write their digests to the lock file (`[oci].lockfile`).

        Without arguments, or with `::`, update all of them, and remove entries that no target names any more. With
        addresses, update only those. A tag that cannot be looked up is reported, keeps its entry, and makes the exit
        code 1.

        Example:

            pants oci-lock
            pants oci-lock --check ::
        """
    )
    check = BoolOption(
        default=False,
        help=softwrap(
            """
            Write nothing, and report the tags that moved, with one request for each reference: `--check`. Exit with 1
            if a tag moved, or if the lock file lacks an image that a target names or has one that no target names.
            """
        ),
    )


class OciLock(Goal):
    subsystem_cls = OciLockSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


# Takes all that Pants gives a goal: of what it left, each rule below would get one more version (docs/architecture.md).
@goal_rule
async def oci_lock(
    specs: Specs, options: OciLockSubsystem, console: Console, _: Workspace, all_targets: AllTargets
) -> OciLock:
    targets = await targets_of_specs(**implicitly({specs: Specs}))
    every = _references(all_targets)
    chosen = _references(targets) if targets else every
    asked = tuple(one for one in every if one.reference in {named.reference for named in chosen})
    everything = len(asked) == len(every)
    file = await call_lock_file(LockFileRequest())
    if file.problem and (options.check or not everything):
        console.print_stderr(printable(file.problem))
        return OciLock(1)
    if not asked and not (everything and file.lock.bases):
        console.print_stderr("There is no `oci_base` with an `image` to lock: others are pinned, or have a `path`.")
        return OciLock(0)
    found = ResolvedTags({})
    if asked:
        found = await call_resolve_tags(ResolveTagsRequest(tuple(one.reference for one in asked), options.check))
    decide = checked if options.check else changed
    result = decide(asked, found.answers, file.lock, everything=everything)
    if file.problem and result.failures:
        # The entries to keep cannot be read.
        console.print_stderr(printable(f"{file.path} was left alone: {file.problem}"))
    elif not options.check and (result.lock != file.lock or file.problem):
        atomic_file.write(os.path.join(get_buildroot(), file.path), str(result.lock).encode())
    return OciLock(_report(console, result, file.path, check=options.check))


def _report(console: Console, result: LockChanges, path: str, *, check: bool) -> int:
    for line in result.changes:
        console.print_stdout(printable(line))
    for line in result.failures:
        console.print_stderr(printable(line))
    if check and result.changes:
        console.print_stderr(printable(f"{path} is out of date. Run `pants oci-lock`."))
    elif not result.changes and not result.failures:
        console.print_stdout(printable(f"{path} is up to date."))
    return 1 if result.failures or (check and result.changes) else 0


def _references(targets: Iterable[Target]) -> tuple[WantedLock, ...]:
    """Each reference once, sorted, with all targets that name it."""
    found: dict[str, list[BaseFieldSet]] = {}
    for target in targets:
        if not BaseFieldSet.is_applicable(target):
            continue
        base = BaseFieldSet.create(target)
        if base.path.value or not base.image.value:
            continue
        with errors_of(base.address):
            reference = lockable(base.image.value, base.digest.value)
        if reference:
            found.setdefault(reference, []).append(base)
    return tuple(
        WantedLock(
            reference,
            tuple(sorted(str(base.address) for base in bases)),
            tuple(dict.fromkeys(p for base in bases for p in base.declared))
            if all(b.declared for b in bases)
            else None,
        )
        for reference, bases in sorted(found.items())
    )


def rules() -> Iterable[object]:
    return collect_rules()
