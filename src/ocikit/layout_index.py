"""What `index.json` of an image layout lists after a push. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ocikit.descriptor import Descriptor
from ocikit.digest import Digest

# image-spec v1.1.1, annotations.md#pre-defined-annotation-keys.
REF_NAME = "org.opencontainers.image.ref.name"
# The full name under which containerd imports an image; it is a tag's company.
CONTAINERD_NAME = "io.containerd.image.name"


def tag_of(entry: Descriptor | Mapping[str, Any]) -> str:
    """The tag of an entry, "" where it has none."""
    if isinstance(entry, Descriptor):
        return entry.annotations.get(REF_NAME, "")
    return str((entry.get("annotations") or {}).get(REF_NAME, ""))


def listed(
    entries: Sequence[Mapping[str, Any]],
    pushed: Mapping[str, Any],
    tag: str,
    children: set[Digest],
) -> list[dict[str, Any]]:
    """The entries after `pushed` was pushed with `tag`, "" for none; see `ocikit.layout` for why.

    `children` are the manifests that indexes among the entries lead to. What tools of others wrote
    into entries is kept.
    """
    kept = [_without_tag(e) if tag and _moved(e, pushed, tag) else dict(e) for e in entries]
    if not any(_names(entry, pushed, tag) for entry in kept):
        kept.append({**pushed, "annotations": {REF_NAME: tag}} if tag else dict(pushed))
    tagged = {str(entry["digest"]) for entry in kept if tag_of(entry)}
    reached = tagged | {str(digest) for digest in children}
    unique: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in kept:
        if entry.get("annotations") or entry["digest"] not in reached:
            unique.setdefault((tag_of(entry), entry["digest"]), entry)
    return [unique[key] for key in sorted(unique)]


def _moved(entry: Mapping[str, Any], pushed: Mapping[str, Any], tag: str) -> bool:
    return tag_of(entry) == tag and entry["digest"] != pushed["digest"]


def _names(entry: Mapping[str, Any], pushed: Mapping[str, Any], tag: str) -> bool:
    return tag_of(entry) == tag and entry["digest"] == pushed["digest"]


def _without_tag(entry: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in entry.items() if key != "annotations"}
    annotations = {key: text for key, text in entry["annotations"].items() if key not in (REF_NAME, CONTAINERD_NAME)}
    return {**plain, "annotations": annotations} if annotations else plain
