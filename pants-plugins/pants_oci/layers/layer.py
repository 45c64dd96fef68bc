"""Build a layer from files, with one cacheable process, which outputs a blob and a short description."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pants.engine.addresses import Address
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import AddPrefix, Digest, DigestSubset, MergeDigests, PathGlobs
from pants.engine.rules import collect_rules, rule
from pants.engine.target import FieldSet, StringField
from pants.util.logging import LogLevel

import ocikit
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from ocikit.units import human_bytes
from pants_oci.compat import (
    EnvironmentField,
    add_prefix,
    by_name,
    by_name_in_environment,
    create_digest,
    digest_subset_to_digest,
    get_digest_contents,
    merge_digests,
)
from pants_oci.errors import OciTargetError, error_context, errors_of
from pants_oci.layers.contents import ContentsRequest, call_contents, check_unseen_files
from pants_oci.layers.layer_inputs import LayerInput
from pants_oci.sandbox.image_layout import blobs_of
from pants_oci.sandbox.process import OcikitProcess, call_ocikit
from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.layer import (
    OciDirectoryField,
    OciLayerDependenciesField,
    OciLayerDirectoryModeField,
    OciLayerFileModeField,
    OciLayerOwnerField,
    OciLayerRenameField,
    OciLayerStripPrefixField,
    OciLayerSymlinksField,
    OciLayerUnpackField,
)


@dataclass(frozen=True)
class LayerRequest(EngineAwareParameter):
    """Write `entries`, whose bytes are in `parts`, as one layer.

    `contents` describes it in a word, for people; `created_by` is its history entry.
    """

    owner: Address
    contents: str
    created_by: str
    entries: tuple[ocikit.Entry, ...]
    parts: tuple[LayerInput, ...]

    def debug_hint(self) -> str:
        return f"{self.owner} [{self.contents}]"


@dataclass(frozen=True)
class BuiltLayer:
    """A layer, its blob at `blobs/sha256/<hex>`, and a text that says what it was built from."""

    layer: ocikit.Layer
    blobs: Digest
    origin: str = ""


@dataclass(frozen=True)
class LayerFieldSet(FieldSet):
    required_fields = (OciLayerDependenciesField, OciLayerStripPrefixField)

    dependencies: OciLayerDependenciesField
    directory: OciDirectoryField
    strip_prefix: OciLayerStripPrefixField
    rename: OciLayerRenameField
    unpack: OciLayerUnpackField
    owner: OciLayerOwnerField
    file_mode: OciLayerFileModeField
    directory_mode: OciLayerDirectoryModeField
    symlinks: OciLayerSymlinksField
    environment: EnvironmentField

    def placement(self) -> ocikit.Placement:
        """Where files go. The fields have validated their values."""
        return ocikit.Placement(
            directory=self.directory.value,
            strip_prefix=self.strip_prefix.value or "",
            rename=self.rename.value or {},
            owner=ocikit.Owner.parse(self.owner.value),
            file_mode=_mode(self.file_mode),
            directory_mode=_mode(self.directory_mode),
            symlinks=self.symlinks.value or {},
        )


@rule(desc="Build a layer", level=LogLevel.DEBUG)
async def build_layer(request: LayerRequest, oci: OciSubsystem) -> BuiltLayer:
    with errors_of(request.owner), error_context("[oci].compression"):
        compression = ocikit.Compression.parse(oci.compression)
    files = await merge_digests(MergeDigests(part.files for part in request.parts))
    inputs = await add_prefix(AddPrefix(files, protocol.INPUT))
    output = await call_ocikit(
        OcikitProcess(
            protocol.LAYER,
            _request_document(request, compression),
            inputs,
            f"Build layer {request.owner} [{request.contents}] ({_amount(request)})",
            # Files, not a directory: a cache entry has their digests, so Pants does not download the blob.
        )
    )
    description = await digest_subset_to_digest(DigestSubset(output.digest, PathGlobs([protocol.LAYER_DESCRIPTION])))
    contents = await get_digest_contents(description)
    layer = ocikit.Layer.from_json(canonical_json.loads_object(contents[0].content, protocol.LAYER_DESCRIPTION))
    blobs = await create_digest(blobs_of([layer.descriptor]))
    # Set here, not in the process: images that share the process may have different histories.
    origin = ", ".join(dict.fromkeys(str(part.origin) for part in request.parts)) or str(request.owner)
    return BuiltLayer(replace(layer, history=ocikit.History(request.created_by)), blobs, origin)


call_build_layer = by_name(build_layer, BuiltLayer, LayerRequest)


@rule(desc="Build a layer from an oci_layer", level=LogLevel.DEBUG)
async def explicit_layer(field_set: LayerFieldSet) -> BuiltLayer:
    contents = await call_contents(ContentsRequest(field_set.dependencies, unpack=field_set.unpack.value))
    await check_unseen_files(field_set.address, contents)
    with errors_of(field_set.address):
        entries = ocikit.place(sources_of(contents.parts), field_set.placement())
    if not entries:
        raise OciTargetError(field_set.address, "the layer is empty: give it `dependencies` or `symlinks`.")
    request = LayerRequest(field_set.address, "layer", f"oci_layer {field_set.address}", entries, contents.parts)
    built = await call_build_layer(request)
    return replace(built, origin=str(field_set.address))


call_explicit_layer = by_name_in_environment(explicit_layer, BuiltLayer, LayerFieldSet)


def _amount(request: LayerRequest) -> str:
    """The number of files and, if it is known, their size, for the description of the process."""
    files = sum(entry.kind == "file" for entry in request.entries)
    counted = "1 file" if files == 1 else f"{files:,} files"
    sizes = [part.size for part in request.parts if part.size is not None]
    return f"{counted}, {human_bytes(sum(sizes))}" if len(sizes) == len(request.parts) else counted


def _request_document(request: LayerRequest, compression: ocikit.Compression) -> bytes:
    return canonical_json.dumps(
        {
            "entries": [entry.to_json() for entry in request.entries],
            "compression": str(compression),
        }
    )


def sources_of(parts: Iterable[LayerInput]) -> tuple[ocikit.Source, ...]:
    return tuple(source for part in parts for source in part.sources)


def _mode(field: StringField) -> int | None:
    return ocikit.parse_mode(field.value) if field.value else None


def rules() -> Iterable[object]:
    return collect_rules()
