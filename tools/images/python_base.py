#!/usr/bin/env python3
"""Write the root file system of a base image that runs Python, from this machine's Debian packages.

    python_base.py OUTPUT.tar

For tests. It follows the machine's own Debian, so its digest differs from day to day.
"""

from __future__ import annotations

import re
import sys
import tarfile
from pathlib import Path

from root_file_system import RootFileSystem

LEFT_OUT = re.compile(r"__pycache__|/test/|/tests/|/idlelib/|/lib2to3/|/ensurepip/|/turtledemo/|_tkinter|/config-3")
PANTS_CALLS = ("chmod", "cp", "env", "mkdir", "tar", "touch")

# `python3` is a link to the default version of this Debian.
python = Path("/usr/bin/python3").resolve()
library = Path("/usr/lib", python.name)
# The libraries that compiled wheels may expect: the `manylinux` platforms list them.
EXPECTED = ("libdl.so.2", "libgcc_s.so.1", "libpthread.so.0", "librt.so.1", "libstdc++.so.6", "libutil.so.1")

with tarfile.open(sys.argv[1], "w", format=tarfile.GNU_FORMAT) as tar:
    root = RootFileSystem(tar)
    root.program(str(python))
    root.link("usr/bin/python3", python.name)
    root.link("usr/bin/python", python.name)
    for path in sorted(library.rglob("*")):
        if path.is_file() and not LEFT_OUT.search(str(path)):
            root.copy(str(path))
    for extension in sorted(library.glob("lib-dynload/*.so")):
        root.libraries_of(str(extension))
    for name in EXPECTED:
        for path in sorted(Path("/lib").glob(f"*-linux-gnu/{name}")):
            root.copy(str(path), mode=0o755)
    root.program("/bin/busybox")
    root.link("bin/sh", "busybox")
    # Pants runs it in environments; Python's official images have it.
    root.program("/bin/bash")
    for name in PANTS_CALLS:
        root.link(f"usr/bin/{name}", "../../bin/busybox")
    root.folder("tmp", mode=0o1777)
