"""The packages and files that the dependencies of an image or layer bring in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pants.backend.python.goals.package_pex_binary import PexBinaryFieldSet
from pants.core.goals.package import PackageFieldSet
from pants.core.target_types import FileSourceField, RelocatedFilesSourcesField, ResourceSourceField
from pants.engine.addresses import Address, Addresses
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.rules import collect_rules, rule
from pants.engine.target import (
    Dependencies,
    DependenciesRequest,
    FieldSetsPerTargetRequest,
    MultipleSourcesField,
    SingleSourceField,
    SourcesField,
    Target,
)
from pants.engine.unions import UnionMembership
from pants.util.logging import LogLevel

from pants_oci.compat import (
    by_name,
    concurrently,
    dependencies_of,
    find_valid_field_sets,
    implicitly,
    unexpanded_targets_of,
)
from pants_oci.errors import OciTargetError, kind_of
from pants_oci.layers.layer_inputs import (
    LayerInput,
    LoosePartRequest,
    PackagePartRequest,
    call_loose_part,
    call_package_part,
)
from pants_oci.layers.unseen_files import UnseenFilesRequest, call_unseen_files
from pants_oci.targets.base import OciBaseTarget
from pants_oci.targets.image import OciImageTarget
from pants_oci.targets.index import OciIndexTarget
from pants_oci.targets.layer import OciLayerTarget
from pants_oci.targets.push import OciPushTarget

# Pants returns the generator itself if it generates no targets.
_GENERATORS = ("files", "resources")
_OWN_TARGETS = (OciBaseTarget, OciImageTarget, OciIndexTarget, OciLayerTarget, OciPushTarget)


@dataclass(frozen=True)
class ContentsRequest(EngineAwareParameter):
    """Gather what `dependencies` bring in, except for `inferred`, which other fields name."""

    dependencies: Dependencies
    inferred: tuple[Address, ...] = ()
    # Return each `pex_binary` unpackaged, in `Contents.binaries`.
    leave_pex: bool = False
    # Unpack files that are archives.
    unpack: bool = False

    @property
    def owner(self) -> Address:
        return self.dependencies.address

    def debug_hint(self) -> str:
        return str(self.owner)


@dataclass(frozen=True)
class Contents:
    """The packages and the loose files, sorted by address.

    `watched`: the targets whose globs matched files, with the request for files that Pants does not see; see
    `check_unseen_files`.
    """

    packages: tuple[LayerInput, ...]
    loose: tuple[LayerInput, ...]
    binaries: tuple[PexBinaryFieldSet, ...] = ()
    watched: tuple[tuple[Address, UnseenFilesRequest], ...] = ()

    @property
    def parts(self) -> tuple[LayerInput, ...]:
        return (*self.packages, *self.loose)


async def _watched(loose: Sequence[Target], empty: Sequence[Target]) -> tuple[tuple[Address, UnseenFilesRequest], ...]:
    """List the targets whose globs matched `loose`, and `empty`, the targets whose globs matched nothing."""
    folders: dict[Address, set[str]] = {target.address: set() for target in empty}
    for target in loose:
        if target.address.is_generated_target and target.has_field(SingleSourceField):
            generator = target.address.maybe_convert_to_target_generator()
            folders.setdefault(generator, set()).add(os.path.dirname(target[SingleSourceField].file_path or ""))
    generators = await unexpanded_targets_of(**implicitly({Addresses(sorted(folders)): Addresses}))
    return tuple(
        (
            target.address,
            UnseenFilesRequest(
                target.address.spec_path,
                tuple(target[MultipleSourcesField].globs),
                tuple(sorted(folders[target.address])),
            ),
        )
        for target in generators
        if target.has_field(MultipleSourcesField)
    )


@rule(desc="Gather the contents of an OCI image", level=LogLevel.DEBUG)
async def gather_contents(request: ContentsRequest, unions: UnionMembership) -> Contents:
    packages: list[PackageFieldSet] = []
    loose: list[Target] = []
    empty: list[Target] = []
    seen = set(request.inferred)
    waiting: Sequence[Target] = await dependencies_of(**implicitly(DependenciesRequest(request.dependencies)))
    direct = True
    while waiting:
        found = [target for target in waiting if target.address not in seen]
        seen.update(target.address for target in found)
        field_sets = await find_valid_field_sets(FieldSetsPerTargetRequest(PackageFieldSet, found), **implicitly())
        deeper: list[Target] = []
        for target, packageable in zip(found, field_sets.collection):
            if packageable and not isinstance(target, _OWN_TARGETS):
                packages.append(packageable[0])
            elif _is_loose(target, unions):
                loose.append(target)
            elif target.alias in _GENERATORS:
                empty.append(target)
            elif direct:
                _check_useful(target, request.owner)
            if not packageable and not target.has_field(RelocatedFilesSourcesField):
                deeper.append(target)
        levels = await concurrently(
            dependencies_of(**implicitly(DependenciesRequest(target.get(Dependencies)))) for target in deeper
        )
        waiting = [target for level in levels for target in level]
        direct = False

    watched = await _watched(loose, empty)
    packages.sort(key=lambda field_set: field_set.address)
    binaries = tuple(f for f in packages if isinstance(f, PexBinaryFieldSet)) if request.leave_pex else ()
    built = await concurrently(
        call_package_part(PackagePartRequest(field_set, request.owner))
        for field_set in packages
        if field_set not in binaries
    )
    gathered = await concurrently(
        call_loose_part(LoosePartRequest(target, request.unpack))
        for target in sorted(loose, key=lambda target: target.address)
    )
    return Contents(tuple(built), tuple(gathered), binaries, watched)


call_contents = by_name(gather_contents, Contents, ContentsRequest)


async def check_unseen_files(owner: Address, contents: Contents) -> None:
    """Raise OciTargetError if a dependency has files that Pants does not see, or no files at all.

    Only for rules that gather contents: the result is uncacheable, and running these again costs little, because they
    have few dependencies.
    """
    unseen = await concurrently(call_unseen_files(request) for _, request in contents.watched)
    for (address, request), files in zip(contents.watched, unseen):
        if files.found:
            raise OciTargetError(
                owner,
                f"Pants does not see files that the dependency {address} names, so they would be missing: "
                f'{", ".join(files.found)}. Rename or remove them, or exclude them from `sources` with "!…".',
            )
        if not request.folders:
            raise OciTargetError(
                owner, f"the dependency {address} has no files: its `sources` match none that Pants sees."
            )


def _is_loose(target: Target, unions: UnionMembership) -> bool:
    # `shell_command` and others generate files without having any.
    gives_files = target.get(SourcesField).can_generate(FileSourceField, unions)
    return gives_files or target.has_field(ResourceSourceField)


def _check_useful(target: Target, owner: Address) -> None:
    if isinstance(target, _OWN_TARGETS):
        instead = {
            OciBaseTarget: "name it in `base`",
            OciImageTarget: "name it in `base` to build on it",
            OciIndexTarget: "name one of its images in `base` to build on it",
            OciLayerTarget: "list it in `layers`",
            OciPushTarget: "an `oci_push` contains no files",
        }[type(target)]
        raise OciTargetError(
            owner,
            f"the dependency {target.address} is {kind_of(target)}, which cannot be put into a layer; {instead}.",
        )
    if target.has_field(SourcesField):
        raise OciTargetError(
            owner,
            f"the dependency {target.address} is {kind_of(target)}, which is neither a file nor "
            "anything that `package` builds; depend on something that packages it "
            "(for Python a `pex_binary`), or on a `file` or `resource`.",
        )


def rules() -> Iterable[object]:
    return collect_rules()
