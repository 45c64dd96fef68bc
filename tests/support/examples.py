"""A build root that holds a copy of the examples."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.build_root import PROJECT, WITH_PYTHON, BuildRoot

SETTINGS = """
[source]
root_patterns = ["/examples/library", "/examples/api", "/examples/worker", "/extra"]

[python]
enable_resolves = true
default_resolve = "examples"
interpreter_constraints = ["CPython>=3.9,<3.14"]
invalid_lockfile_behavior = "ignore"

[python.resolves]
examples = "3rdparty/examples.lock"

[python-infer]
use_rust_parser = true

[oci.registries.local]
address = "oci:dist/registry"
default = true
pull_address = "registry.example"
"""

REQUIREMENTS = 'python_requirements(source="examples.in", resolve="examples")\n'


def examples_build_root(path: Path) -> BuildRoot:
    """The examples of this repository, committed to Git, and published to `oci:dist/registry` by default."""
    root = BuildRoot(path, SETTINGS, WITH_PYTHON)
    shutil.copytree(PROJECT / "examples", root.path / "examples")
    root.write({"3rdparty/BUILD": REQUIREMENTS})
    for name in ("examples.in", "examples.lock"):
        shutil.copy(PROJECT / "3rdparty" / name, root.path / "3rdparty")
    root.commit()
    return root
