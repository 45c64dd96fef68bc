"""The lock file of bases in the repository."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import PathGlobs
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from ocikit.errors import InvalidContent
from ocikit.image.lockfile import Lock
from pants_oci.compat import by_name, get_digest_contents, path_globs_to_digest
from pants_oci.subsystem import OciSubsystem


@dataclass(frozen=True)
class LockFileRequest:
    """Read the lock file."""


@dataclass(frozen=True)
class LockFile:
    """The locked references; none if there is no file. `problem`: why the file cannot be read."""

    path: str
    lock: Lock
    problem: str | None = None


@rule(desc="Read the lock file of bases", level=LogLevel.DEBUG)
async def read_lock_file(_: LockFileRequest, oci: OciSubsystem) -> LockFile:
    digest = await path_globs_to_digest(PathGlobs([oci.lockfile]))
    contents = await get_digest_contents(digest)
    if not contents:
        return LockFile(oci.lockfile, Lock())
    try:
        return LockFile(oci.lockfile, Lock.parse(contents[0].content.decode("utf-8", "replace"), oci.lockfile))
    except InvalidContent as error:
        return LockFile(oci.lockfile, Lock(), str(error))


call_lock_file = by_name(read_lock_file, LockFile, LockFileRequest)


def rules() -> Iterable[object]:
    return collect_rules()
