"""The Pythons of this machine, for tests that need one."""

from __future__ import annotations

import pytest

from support.interpreters import find_interpreter


def folder_of_python(version: str) -> str:
    """The folder of a CPython of this version; without one, the test is skipped with a message."""
    return find_interpreter(version) or pytest.skip(f"NOT TESTED WITH PYTHON {version}, which is not on this machine.")
