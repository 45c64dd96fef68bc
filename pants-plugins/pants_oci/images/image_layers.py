"""The layers that an image adds to its base: those it lists, its Python application, packages, and files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pants.engine.addresses import Address, Addresses
from pants.engine.environment import EnvironmentName
from pants.engine.rules import collect_rules, rule
from pants.engine.target import Target
from pants.util.logging import LogLevel

import ocikit
from ocikit.python_app.interpreter import Interpreter
from pants_oci.bases.base_chain import base_of
from pants_oci.compat import (
    EnvironmentNameRequest,
    by_name,
    by_name_in_environment,
    concurrently,
    implicitly,
    resolve_environment_name,
    resolve_unparsed_address_inputs,
    targets_of,
)
from pants_oci.debug_hints import OfFieldSet
from pants_oci.errors import OciTargetError, describe_type, errors_of
from pants_oci.layers.contents import Contents, ContentsRequest, call_contents, check_unseen_files
from pants_oci.layers.environment import OwnEnvironmentRequest, call_own_environment
from pants_oci.layers.layer import (
    BuiltLayer,
    LayerFieldSet,
    LayerRequest,
    call_build_layer,
    call_explicit_layer,
    sources_of,
)
from pants_oci.layers.layer_inputs import LayerInput
from pants_oci.python_app.application import (
    ApplicationRequest,
    PythonApplication,
    call_python_application,
    root_of,
)
from pants_oci.target_addresses import addresses_in, call_base_address
from pants_oci.targets.image import (
    OciImageLayersField,
)
from pants_oci.targets.image_field_set import ImageFieldSet
from pants_oci.targets.layer import OciLayerTarget
from pants_oci.targets.python import (
    OciImagePexLayersField,
)


@dataclass(frozen=True)
class ImageLayersRequest(OfFieldSet):
    """Build the layers that an image adds to its base. `interpreter`: the Python of the image, if known."""

    field_set: ImageFieldSet
    interpreter: Interpreter | None


@dataclass(frozen=True)
class LayersInEnvironmentRequest:
    """Build the layers of an image in the environment that the image sets."""

    layers: ImageLayersRequest


@dataclass(frozen=True)
class ImageLayers:
    """The layers that an image adds to its base, lowest first, and the Python application in them."""

    layers: tuple[BuiltLayer, ...]
    application: PythonApplication | None = None


@rule(desc="Build the layers of an OCI image", level=LogLevel.DEBUG)
async def build_image_layers(request: ImageLayersRequest) -> ImageLayers:
    field_set = request.field_set
    address = field_set.address
    base = await call_base_address(base_of(field_set))
    layer_addresses = await resolve_unparsed_address_inputs(
        addresses_in(field_set.layers.value or (), address, OciImageLayersField.alias),
        **implicitly(),
    )
    layer_targets = await targets_of(**implicitly(Addresses(layer_addresses)))
    _check_other_layers(address, layer_targets)
    field_sets = [LayerFieldSet.create(target) for target in layer_targets]
    environments = await concurrently(call_own_environment(OwnEnvironmentRequest(layer)) for layer in field_sets)
    explicit = await concurrently(
        call_explicit_layer(**implicitly({layer: LayerFieldSet, own.name: EnvironmentName}))
        for layer, own in zip(field_sets, environments)
    )
    split_pex = field_set.pex_layers.value == "split"
    contents = await call_contents(
        ContentsRequest(field_set.dependencies, (*base.addresses, *layer_addresses), split_pex)
    )
    await check_unseen_files(address, contents)
    _check_several(address, [binary.address for binary in contents.binaries])
    to_lay_out = [
        ApplicationRequest(
            address,
            binary,
            root_of(field_set.directory.value),
            ocikit.Platform.parse(field_set.platform.value),
            request.interpreter,
            field_set.pex_collisions.value == "allow",
            field_set.pex_compile.value,
        )
        for binary in contents.binaries
    ]
    environments = await concurrently(call_own_environment(OwnEnvironmentRequest(one.binary)) for one in to_lay_out)
    applications = await concurrently(
        call_python_application(**implicitly({one: ApplicationRequest, own.name: EnvironmentName}))
        for one, own in zip(to_lay_out, environments)
    )
    placement = ocikit.Placement(directory=field_set.directory.value)
    with errors_of(address):
        # Layers could hide each other's files, but two dependencies with one path are always a mistake.
        placed = ocikit.place(sources_of(contents.parts), placement)
        for application in applications:
            if placed:
                ocikit.arrange((*placed, *application.entries))
        requests = [
            LayerRequest(address, name, created_by, ocikit.place(sources_of(parts), placement), parts)
            for name, created_by, parts in _split(contents)
        ]
    automatic = await concurrently(call_build_layer(request) for request in requests)
    of_python = [layer for application in applications for layer in application.layers]
    return ImageLayers((*explicit, *of_python, *automatic), applications[0] if applications else None)


call_image_layers = by_name_in_environment(build_image_layers, ImageLayers, ImageLayersRequest)


@rule(desc="Build the layers of an OCI image in its environment", level=LogLevel.TRACE)
async def own_layers_in_environment(request: LayersInEnvironmentRequest) -> ImageLayers:
    environment = await resolve_environment_name(
        EnvironmentNameRequest.from_field_set(request.layers.field_set), **implicitly()
    )
    return await call_image_layers(**implicitly({request.layers: ImageLayersRequest, environment: EnvironmentName}))


call_own_layers_in_environment = by_name(own_layers_in_environment, ImageLayers, LayersInEnvironmentRequest)


def _check_several(owner: Address, binaries: Sequence[Address]) -> None:
    if len(binaries) > 1:
        raise OciTargetError(
            owner,
            f"{' and '.join(map(str, binaries))} cannot be split into layers of one image. Give each an image of its "
            f'own, or set `{OciImagePexLayersField.alias}="single"`.',
        )


def _check_other_layers(owner: Address, layers: Iterable[Target]) -> None:
    for target in layers:
        if not isinstance(target, OciLayerTarget):
            raise OciTargetError(
                owner,
                f"{target.address} in `layers` is {describe_type(target)}; name `{OciLayerTarget.alias}` "
                "targets there, and put targets to split automatically into `dependencies`.",
            )


def _split(contents: Contents) -> Iterator[tuple[str, str, tuple[LayerInput, ...]]]:
    """Split automatically: files that change together share a layer, and the most volatile layer is on top."""
    for part in contents.packages:
        yield part.origin.target_name, str(part.origin), (part,)
    if contents.loose:
        yield "files", "files", contents.loose


def rules() -> Iterable[object]:
    return collect_rules()
