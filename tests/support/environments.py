"""Settings that Pants needs for environments other than the local one."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

_SETTINGS = """
[python]
interpreter_constraints = ["CPython==3.11.*"]

[python-infer]
use_rust_parser = true

[oci.registries.closed]
address = "{address}"
default = true

"""
_PYTHON = b'#!/bin/sh\nexec python3 "$@"\n'


def settings(folder: Path, registry: str, **names: str) -> str:
    """More tables of `pants.toml`, for environments with these names, whose targets have these addresses.

    Pants gives every such environment a Python of its own, which it downloads from GitHub. A repository that cannot
    reach GitHub configures another archive; here its `python3` is the environment's.
    """
    archive = folder / "python.tar"
    archive.write_bytes(_archive())
    known = [archive.as_uri(), hashlib.sha256(archive.read_bytes()).hexdigest(), archive.stat().st_size]
    listed = "".join(f'{name} = "{address}"\n' for name, address in names.items())
    return _SETTINGS.format(address=registry) + (
        f"[environments-preview.names]\n{listed}\n[python-bootstrap]\n"
        f"internal_python_build_standalone_info = '{json.dumps({'linux_x86_64': known})}'\n"
    )


def _archive() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        member = tarfile.TarInfo("python/bin/python3")
        member.size, member.mode = len(_PYTHON), 0o755
        tar.addfile(member, io.BytesIO(_PYTHON))
    return data.getvalue()
