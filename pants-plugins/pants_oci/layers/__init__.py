"""Layers: what is in them, and the processes that build them."""

from __future__ import annotations

from collections.abc import Iterable

from pants_oci.layers import contents, environment, layer, layer_inputs, unseen_files


def rules() -> Iterable[object]:
    return (
        *contents.rules(),
        *environment.rules(),
        *layer.rules(),
        *layer_inputs.rules(),
        *unseen_files.rules(),
    )
