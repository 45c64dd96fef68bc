"""Deployments: rendered sources, what is committed, and the tools that apply them."""

from __future__ import annotations

from collections.abc import Iterable

from pants_oci.deploy import apply, committed, compare, files, image_existence, manifests, references, render, tool


def rules() -> Iterable[object]:
    return (
        *apply.rules(),
        *committed.rules(),
        *compare.rules(),
        *files.rules(),
        *image_existence.rules(),
        *manifests.rules(),
        *references.rules(),
        *render.rules(),
        *tool.rules(),
    )
