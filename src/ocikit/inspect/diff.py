"""Compare an image with the one that a tag names, as lines of text and as JSON. Pure."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Callable

from ocikit.image.build import Image
from ocikit.layer.contents import FILE, WHITEOUT, File, FileChanges
from ocikit.publish.changes import LayerChange
from ocikit.spec import canonical_json
from ocikit.units import human_bytes

_LONGEST_VALUE = 100
_NO_FILES = FileChanges()
# The comparison of layers covers these.
_COMPARED_ELSEWHERE = ("rootfs",)


@dataclass(frozen=True)
class SettingChange:
    """A setting, named as in the config ("config.Env.PATH") or the manifest ("annotations.…"); None: not set."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True)
class ImageChanges:
    """An image compared with the one with the digest `before`; None if there is none, and everything is new."""

    before: str | None
    after: str
    settings: tuple[SettingChange, ...] = ()
    added_layers: tuple[LayerChange, ...] = ()
    removed_layers: tuple[LayerChange, ...] = ()
    files: FileChanges = _NO_FILES

    def __bool__(self) -> bool:
        return self.before != self.after

    def to_json(self) -> dict[str, Any]:
        """The JSON document, for `printable_json_pieces`."""
        return {
            "previous": self.before,
            "digest": self.after,
            "changed": bool(self),
            "config": [asdict(change) for change in self.settings],
            "layers": {
                "added": [asdict(layer) for layer in self.added_layers],
                "removed": [asdict(layer) for layer in self.removed_layers],
            },
            "files": {
                "added": _Documents(self.files.added, File.to_json),
                "removed": _Documents(self.files.removed, File.to_json),
                "changed": _Documents(
                    self.files.changed, lambda pair: {"before": pair[0].to_json(), "after": pair[1].to_json()}
                ),
            },
        }


class _Documents(list[Any]):
    """A list for `printable_json_pieces` that makes items as they are written: images may differ in every file."""

    def __init__(self, values: Sequence[Any], make: Callable[[Any], Any]) -> None:
        super().__init__()
        self._values, self._make = values, make

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return map(self._make, self._values)


def compare_images(before: Image | None, after: Image, origins: Sequence[str], files: FileChanges) -> ImageChanges:
    """Compare two images; `origins` has the origin of each layer of `after`."""
    padded = (*origins, *([""] * len(after.manifest.layers)))
    had = {layer.digest for layer in before.manifest.layers} if before else set()
    has = {layer.digest for layer in after.manifest.layers}
    return ImageChanges(
        str(before.digest) if before else None,
        str(after.digest),
        changed_settings(before, after),
        tuple(
            LayerChange(str(layer.digest), layer.size, origin)
            for layer, origin in zip(after.manifest.layers, padded)
            if layer.digest not in had
        ),
        tuple(
            LayerChange(str(layer.digest), layer.size)
            for layer in (before.manifest.layers if before else ())
            if layer.digest not in has
        ),
        files,
    )


def changed_settings(before: Image | None, after: Image) -> tuple[SettingChange, ...]:
    """The settings that differ, key by key: each variable, label, annotation and item of an object by itself."""
    old, new = (dict(_settings(before)) if before else {}), dict(_settings(after))
    return tuple(
        SettingChange(key, old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    )


def lines(title: str, changes: ImageChanges) -> Iterator[str]:
    """Lines of text, one per difference: digest, settings, layers, then files."""
    if not changes:
        yield f"{title}: nothing differs ({changes.after})"
        return
    yield title
    yield f"digest      {changes.before or '(no such tag)'} → {changes.after}"
    if changes.before:
        for setting in changes.settings:
            yield f"config      {setting.key}: {_value(setting.before)} → {_value(setting.after)}"
    removed, added = changes.removed_layers, changes.added_layers
    if removed or added:
        yield f"layers      {len(removed)} removed, {len(added)} added"
    for sign, layers in (("-", removed), ("+", added)):
        for layer in layers:
            yield f"  {sign} {layer.digest}  {human_bytes(layer.size):>9}  {layer.origin}".rstrip()
    files = changes.files
    if files:
        counts = f"{len(files.removed)} removed, {len(files.added)} added, {len(files.changed)} changed"
        yield f"files       {counts}"
        yield from _file_lines(files)


def _settings(image: Image) -> Iterator[tuple[str, Any]]:
    for name, value in image.manifest.annotations.items():
        yield f"annotations.{name}", value
    for key, value in canonical_json.loads_object(image.config.data, "the config").items():
        if key == "config":
            yield from _container_settings(value or {})
        elif key not in _COMPARED_ELSEWHERE:
            yield key, value


def _container_settings(container: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in container.items():
        if key == "Env":
            for variable in value or ():
                name, _, text = variable.partition("=")
                yield f"config.Env.{name}", text
        elif isinstance(value, dict):
            for name, item in value.items():
                yield f"config.{key}.{name}", item
        else:
            yield f"config.{key}", value


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _file_lines(files: FileChanges) -> Iterable[str]:
    removed = ((file.path, f"  - {_size(file):>9}  /{file.path}{_detail(file)}") for file in files.removed)
    added = ((file.path, f"  + {_size(file):>9}  /{file.path}{_detail(file)}") for file in files.added)
    changed = ((new.path, f"  ~ {_size(new):>9}  /{new.path}  ({_difference(old, new)})") for old, new in files.changed)
    return (line for _, line in heapq.merge(removed, added, changed))


def _size(file: File) -> str:
    return human_bytes(file.size) if file.kind == FILE else ""


def _detail(file: File) -> str:
    if file.kind == FILE:
        return ""
    if file.kind == WHITEOUT:
        return "  (of a lower layer)"
    return f"  ({file.kind}{f' to {file.target}' if file.target else ''})"


def _difference(old: File, new: File) -> str:
    reasons = []
    if old.kind != new.kind:
        reasons.append(f"{old.kind} → {new.kind}")
    elif old.digest != new.digest:
        reasons.append(f"was {human_bytes(old.size)}" if old.size != new.size else "content")
    if old.target != new.target:
        reasons.append(f"to {old.target or '(nothing)'} → {new.target or '(nothing)'}")
    if old.mode != new.mode:
        reasons.append(f"mode {old.mode:04o} → {new.mode:04o}")
    if (old.uid, old.gid) != (new.uid, new.gid):
        reasons.append(f"owner {old.uid}:{old.gid} → {new.uid}:{new.gid}")
    return ", ".join(reasons)
