"""Resolve paths of an archive. Pure: no file is ever written under a name that an archive gives."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from ocikit.errors import InvalidContent, NotFound

# Linux follows as many. `docker save` writes one link, from a layer to an equal one.
_MAX_LINKS = 40
# More than an image of 127 layers needs, and far less than a root file system has.
MAX_MEMBERS = 10_000


def normal_path(name: str, folder: str = "") -> str:
    """The path of a member, or of the target of a link in `folder`; raises InvalidContent if it leaves the archive."""
    path = posixpath.normpath(posixpath.join(folder, name))
    if not name or name.startswith("/") or path == ".." or path.startswith("../"):
        raise InvalidContent(f'the archive has the path "{name}", which leads out of it.')
    return path


def resolved(path: str, files: Mapping[str, object], links: Mapping[str, str]) -> str:
    """The file at `path`, after following links; raises NotFound with `path` and the missing file."""
    followed = 0
    found = normal_path(path)
    while found in links:
        if followed == _MAX_LINKS:
            raise InvalidContent(
                f'the archive\'s link "{path}" leads to itself, or through more than {_MAX_LINKS} links.'
            )
        followed += 1
        found = links[found]
    if found not in files:
        by_way = f', which "{path}" links to' if followed else ""
        raise NotFound(f'the archive has no file "{found}"{by_way}. Save the image again.')
    return found
