"""Python applications: distributions, interpreter, compiled modules and layers."""

from __future__ import annotations

from collections.abc import Iterable

from pants_oci.python_app import application, compiled_modules, distributions, interpreter


def rules() -> Iterable[object]:
    return (
        *application.rules(),
        *compiled_modules.rules(),
        *distributions.rules(),
        *interpreter.rules(),
    )
