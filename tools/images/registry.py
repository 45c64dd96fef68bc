#!/usr/bin/env python3
"""Write the root file system of a container registry, from this machine's Debian package.

    registry.py OUTPUT.tar

For tests. Every setting of the registry can be changed with `REGISTRY_…` environment variables.
"""

from __future__ import annotations

import sys
import tarfile

from root_file_system import RootFileSystem

CONFIG = b"""\
version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage:
  filesystem: {rootdirectory: /var/lib/registry}
  delete: {enabled: true}
http: {addr: ':5000'}
"""

with tarfile.open(sys.argv[1], "w", format=tarfile.GNU_FORMAT) as tar:
    root = RootFileSystem(tar)
    root.program("/usr/bin/docker-registry", "bin/registry")
    root.copy("/etc/ssl/certs/ca-certificates.crt")
    root.file("etc/docker/registry/config.yml", CONFIG)
    root.folder("var/lib/registry")
    root.folder("tmp", mode=0o1777)
