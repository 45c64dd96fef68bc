"""Find files that globs of a target match but Pants does not see. The image would silently lack them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.base.build_environment import get_buildroot
from pants.engine.rules import _uncacheable_rule, collect_rules
from pants.util.logging import LogLevel

from pants_oci.compat import by_name
from pants_oci.layers.unseen import unseen_files

__all__ = ["UnseenFiles", "UnseenFilesRequest", "call_unseen_files", "rules"]


@dataclass(frozen=True)
class UnseenFilesRequest:
    """Search `folders` for files that match `globs`, which are relative to `spec_path`."""

    spec_path: str
    globs: tuple[str, ...]
    folders: tuple[str, ...]


@dataclass(frozen=True)
class UnseenFiles:
    """The path of each file, and why Pants does not see it."""

    found: tuple[str, ...]


# Uncacheable, because Pants watches only files that it sees.
@_uncacheable_rule(desc="Look for files that Pants does not see", level=LogLevel.TRACE)
async def find_unseen_files(request: UnseenFilesRequest) -> UnseenFiles:
    return UnseenFiles(unseen_files(get_buildroot(), request.spec_path, request.globs, request.folders))


call_unseen_files = by_name(find_unseen_files, UnseenFiles, UnseenFilesRequest)


def rules() -> Iterable[object]:
    return collect_rules()
