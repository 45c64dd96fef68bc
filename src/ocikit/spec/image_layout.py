"""The files of an image layout; `index.json`, and its update by a push. Pure.

A layout may have thousands of tags, and each push adds an entry. So entries keep their serialised form: unchanged ones
are neither parsed nor serialised again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.spec import canonical_json
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.digest import Digest
from ocikit.spec.manifest import ImageIndex

# image-spec v1.1.1, annotations.md#pre-defined-annotation-keys.
REF_NAME = "org.opencontainers.image.ref.name"
# The full name under which containerd imports an image; it belongs to a tag.
CONTAINERD_NAME = "io.containerd.image.name"

# Of addresses of image layouts, as skopeo and others write them.
LAYOUT_SCHEME = "oci:"
# image-spec v1.1.1, image-layout.md.
INDEX_FILE = "index.json"
LAYOUT_FILE = "oci-layout"
LAYOUT_VERSION = "1.0.0"
LAYOUT_VERSION_KEY = "imageLayoutVersion"
LAYOUT_MARKER = canonical_json.dumps({LAYOUT_VERSION_KEY: LAYOUT_VERSION})

# About 60,000 tags.
MAX_SIZE = 16 * 1024 * 1024
_LIST = "manifests"


def blob_path(digest: Digest) -> str:
    """The path of a blob below the layout."""
    return f"blobs/{digest.algorithm}/{digest.hex}"


class Row(NamedTuple):
    """An entry: its tag ("" for none), its digest, its descriptor, and `data`, its serialised form.

    `plain`: it has no annotations.
    """

    tag: str
    digest: str
    entry: Descriptor
    data: bytes
    plain: bool


@dataclass(frozen=True)
class LayoutIndex:
    """The entries in their order, and the other members of the document.

    `tidy`: the entries are as `after_push` leaves them, so the next push need not check all of them.
    """

    rows: tuple[Row, ...] = ()
    others: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    tidy: bool = field(default=False, compare=False)

    @classmethod
    def parse(cls, data: bytes, name: str) -> LayoutIndex:
        """Parse the file called `name`; raises InvalidContent."""
        document = canonical_json.loads_object(data, name, MAX_SIZE)
        entries = document.pop(_LIST, None)
        if not isinstance(entries, list):
            raise InvalidContent(f'{name} has no list of "{_LIST}".')
        return cls(tuple(map(_row, entries)), document)

    @classmethod
    def empty(cls) -> LayoutIndex:
        return cls.parse(ImageIndex.of(()).data, "an empty index")

    @property
    def data(self) -> bytes:
        """The document as canonical JSON. Raises InvalidInput if it is larger than `parse` accepts."""
        members = {key: canonical_json.dumps(value) for key, value in self.others.items()}
        members[_LIST] = b"[%b]" % b",".join([row.data for row in self.rows])
        data = b"{%b}" % b",".join(canonical_json.dumps(key) + b":" + members[key] for key in sorted(members))
        if len(data) > MAX_SIZE:
            raise InvalidInput(
                f"the index of an image layout: expected at most {MAX_SIZE} bytes, got {len(data)}; use another one."
            )
        return data

    @property
    def entries(self) -> tuple[Descriptor, ...]:
        return tuple(row.entry for row in self.rows)

    def named(self, name: str) -> tuple[Descriptor, ...]:
        """The entries with this tag, or with this digest as text."""
        column = 1 if ":" in name else 0
        return tuple(row.entry for row in self.rows if row[column] == name)

    def after_push(self, pushed: Descriptor, tags: Sequence[str], children: Iterable[str]) -> LayoutIndex:
        """Return the index after `pushed` was pushed with `tags`; see `ocikit.store.layout` for the rules.

        `children`: the digests of the manifests in indexes among the entries, and in `pushed`. Additions of other tools
        to entries are kept.
        """
        digest = str(pushed.digest)
        rows = list(self.rows) if self.tidy else _tidied(self.rows, children)
        moved: list[Row] = []
        for tag in tags or ("",):
            start, end = bisect_left(rows, (tag,)), bisect_left(rows, (f"{tag}\0",))
            here = [row for row in rows[start:end] if row.digest == digest]
            if tag:
                moved += (row for row in rows[start:end] if row.digest != digest)
                rows[start:end] = here or [_row(_tagged(pushed, tag))]
            elif not here:
                insort(rows, _row(pushed.to_json()))
        rows += map(_without_tag, moved)
        if rows and (moved or not rows[0].tag):
            rows = _tidied(rows, children)
        return LayoutIndex(tuple(rows), self.others, tidy=True)


def tag_of(entry: Descriptor | Mapping[str, Any]) -> str:
    """The tag of an entry, "" if it has none."""
    if isinstance(entry, Descriptor):
        return entry.annotations.get(REF_NAME, "")
    return str((entry.get("annotations") or {}).get(REF_NAME, ""))


def _tidied(rows: Iterable[Row], children: Iterable[str]) -> list[Row]:
    """Sort the rows, and drop duplicates and rows without a tag whose manifest other rows refer to."""
    ordered = sorted(rows, key=itemgetter(0, 1))
    reached = {row.digest for row in ordered if row.tag}.union(children)
    unique: dict[tuple[str, str], Row] = {}
    for row in ordered:
        if not row.plain or row.digest not in reached:
            unique.setdefault(row[:2], row)
    return list(unique.values())


def _row(entry: Any) -> Row:
    described = Descriptor.from_json(entry)
    plain = not entry.get("annotations")
    return Row(tag_of(described), str(described.digest), described, canonical_json.dumps(entry), plain)


def _tagged(pushed: Descriptor, tag: str) -> dict[str, Any]:
    return {**pushed.to_json(), "annotations": {REF_NAME: tag}} if tag else pushed.to_json()


def _without_tag(row: Row) -> Row:
    entry = canonical_json.loads_object(row.data, "an entry")
    annotations = entry.pop("annotations")
    left = {key: text for key, text in annotations.items() if key not in (REF_NAME, CONTAINERD_NAME)}
    return _row({**entry, "annotations": left} if left else entry)
