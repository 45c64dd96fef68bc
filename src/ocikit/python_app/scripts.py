"""The programs of a distribution: entry points become scripts, and other scripts get the image's interpreter.

Spec: PyPA's entry points, "Use for scripts", and binary distribution format, "Recommended archiver features".
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping

from ocikit.python_app.site import Site

# Where the original of a script is if another script has to set up its packages.
LIBEXEC = "libexec"
_PLACEHOLDER = b"#!python"
# "module:function [extra]": extras are requirements, which are installed by now. Spec: entry points, "Data model".
_TARGET = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*(?:\[.*\])?")
_OF_THIS_MACHINE = re.compile(rb"#!(?!/usr/bin/|/usr/local/bin/|/bin/)/\S*/python[0-9.]*")
# The kernel's limit for a first line, with its end. Source: execve(2).
_LONGEST_SHEBANG = 127


def console_scripts(entry_points: bytes) -> dict[str, str]:
    """The scripts in a file `entry_points.txt`: command to "module:function", without what pip refuses."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(entry_points.decode("utf-8", "replace"))
    except configparser.Error:
        return {}
    groups = [dict(parser[name]) for name in ("console_scripts", "gui_scripts") if name in parser]
    found = {script: _TARGET.fullmatch(target.strip()) for group in groups for script, target in group.items()}
    return {script: f"{target[1]}:{target[2]}" for script, target in found.items() if target}


def call(target: str) -> tuple[str, str]:
    """The import and the call of "module:function", as pip writes them.

    `import module` would take an attribute of its package instead if that has the module's name.
    """
    module, _, attribute = (part.strip() for part in target.partition(":"))
    return f"from {module} import {attribute.partition('.')[0]}", f"sys.exit({attribute}())"


def entry_point_script(target: str, site: Site) -> bytes:
    """A script that calls "module:function"."""
    importing, calling = call(target)
    # Guarded, because multiprocessing runs this file again in each child that it spawns.
    body = f'import sys\n\n{site.set_up}{importing}\n\nif __name__ == "__main__":\n    {calling}\n'
    return shebang(site) + body.encode()


def installed_script(name: str, content: bytes, site: Site) -> Mapping[str, bytes]:
    """The files that a wheel's script `name` becomes, by path below the root."""
    first, _, rest = content.partition(b"\n")
    if not first.startswith(_PLACEHOLDER):
        return {f"bin/{name}": content}
    script = shebang(site) + rest
    if not site.set_up:
        return {f"bin/{name}": script}
    started = (
        f"import os\nimport runpy\nimport sys\n\n{site.set_up}"
        f'if __name__ == "__main__":\n'
        f"    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))\n"
        f'    runpy.run_path(os.path.join(root, "{LIBEXEC}", {name!r}), run_name="__main__")\n'
    )
    return {f"bin/{name}": shebang(site) + started.encode(), f"{LIBEXEC}/{name}": script}


def restored(content: bytes) -> bytes:
    """A script as it was in its wheel: up to version 2.60, Pex installs with pip, which writes the path of its Python.

    A system's Python in the first line is the wheel's own.
    """
    first, end, rest = content.partition(b"\n")
    return _PLACEHOLDER + end + rest if _OF_THIS_MACHINE.fullmatch(first) else content


def is_python(content: bytes) -> bool:
    """Whether a program is a Python script, by its first line."""
    return content.startswith(b"#!") and b"python" in content.partition(b"\n")[0]


def shebang(site: Site) -> bytes:
    """The first line of scripts; a path that the kernel would not read is given to a shell, as pip does."""
    path = site.interpreter
    if path is None:
        return b"#!/usr/bin/env python3\n"
    line = f"#!{path}\n"
    if " " not in path and len(line.encode()) <= _LONGEST_SHEBANG:
        return line.encode()
    return f"#!/bin/sh\n'''exec' \"{path}\" \"$0\" \"$@\"\n' '''\n".encode()
