#!/usr/bin/env python3
"""Write the root file system of an nginx from Debian's package, without installing it, which would start a web server.

    nginx.py OUTPUT.tar

For tests, which have their own configurations.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from root_file_system import RootFileSystem


def unpacked(folder: Path) -> Path:
    """Download and unpack the package, and return the folder of its files."""
    # As root, apt downloads as another user by default, which cannot write here.
    subprocess.run(["apt-get", "download", "--quiet=2", "-o", "APT::Sandbox::User=", "nginx"], cwd=folder, check=True)
    (package,) = folder.glob("nginx_*.deb")
    subprocess.run(["dpkg", "-x", package, folder / "files"], check=True)
    return folder / "files"


with tempfile.TemporaryDirectory() as folder, tarfile.open(sys.argv[1], "w", format=tarfile.GNU_FORMAT) as tar:
    root = RootFileSystem(tar)
    root.program(str(unpacked(Path(folder)) / "usr/sbin/nginx"), "bin/nginx")
    root.file("etc/passwd", b"root:x:0:0:root:/:/bin/false\n")
    root.file("etc/group", b"root:x:0:\n")
    root.folder("var/lib/nginx")
    root.folder("var/log/nginx")
    root.folder("run")
    root.folder("tmp", mode=0o1777)
