#!/usr/bin/env python3
"""Write symbols.json: what pants_oci uses of Pants in each release, from the sources of Pants.

    tools/pants_versions/extract.py PANTS [REF …]

PANTS is a git repository of Pants with its release branches: a checkout, or a bare mirror. Without REF it reads every
branch 2.N.x from 2.17 on, and HEAD. Needs a Python that can read the newest Pants: 3.13 does.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pants_versions import used
from pants_versions.closure import gather
from pants_versions.release import Release, git
from pants_versions.table import PLACE, dump

_OLDEST = 17


def branches(repository: str) -> list[str]:
    found = re.findall(
        r"^\S*?2\.(\d+)\.x$", git(repository, "branch", "--all", "--format=%(refname:short)").decode(), re.M
    )
    return [f"2.{minor}.x" for minor in sorted({int(minor) for minor in found}) if minor >= _OLDEST] + ["HEAD"]


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    repository, *refs = sys.argv[1:]
    releases = {}
    requirements = used.requirements()
    for ref in refs or branches(repository):
        release = Release(repository, ref)
        label = re.sub(r"^(\d+\.\d+)\.\d+(?:(\.dev)\d+|.*)$", r"\1\2", release.version)
        print(f"{ref}: {release.version}", file=sys.stderr)
        releases[label] = gather(release, requirements)
    PLACE.write_text(dump(releases))


if __name__ == "__main__":
    main()
