"""A base, layers and settings become an image: no process, its digest is known before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pants.core.goals.package import OutputPathField, PackageFieldSet
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior
from pants.engine.addresses import Address, Addresses
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.environment import EnvironmentName
from pants.engine.fs import CreateDigest, Digest, FileContent, MergeDigests
from pants.engine.rules import collect_rules, rule
from pants.engine.target import Target
from pants.util.logging import LogLevel

import ocikit
from ocikit import settings
from ocikit.python.interpreter import Interpreter
from pants_oci.compat import (
    EnvironmentField,
    EnvironmentNameRequest,
    by_name,
    by_name_in_environment,
    concurrently,
    create_digest,
    implicitly,
    merge_digests,
    resolve_environment_name,
    resolve_unparsed_address_inputs,
    targets_of,
)
from pants_oci.dependency_inference import addresses_in
from pants_oci.errors import OciTargetError, blamed_on, kind_of
from pants_oci.steps.base import BaseFieldSet, BaseRequest, call_base_image
from pants_oci.steps.contents import Contents, ContentsRequest, call_contents
from pants_oci.steps.layer import (
    BuiltLayer,
    LayerFieldSet,
    LayerRequest,
    call_build_layer,
    call_explicit_layer,
    sources_of,
)
from pants_oci.steps.named import BaseAddressRequest, call_base_address
from pants_oci.steps.parts import Part
from pants_oci.steps.python_application import (
    ApplicationRequest,
    PythonApplication,
    call_python_application,
    root_of,
    started_by,
)
from pants_oci.targets.base import OciBaseTarget
from pants_oci.targets.image import (
    OciImageAnnotationsField,
    OciImageArgsField,
    OciImageBaseField,
    OciImageDependenciesField,
    OciImageEntrypointField,
    OciImageEnvField,
    OciImageHealthcheckField,
    OciImageLabelsField,
    OciImageLayersField,
    OciImagePlatformField,
    OciImagePortsField,
    OciImageStopSignalField,
    OciImageTarget,
    OciImageUserField,
    OciImageVolumesField,
    OciImageWorkdirField,
    OciPackageFormatField,
)
from pants_oci.targets.layer import OciDirectoryField, OciLayerTarget
from pants_oci.targets.python import (
    OciImagePexCollisionsField,
    OciImagePexCompileField,
    OciImagePexLayersField,
    OciPythonField,
)


@dataclass(frozen=True)
class ImageFieldSet(PackageFieldSet, RunFieldSet):
    run_in_sandbox_behavior = RunInSandboxBehavior.NOT_SUPPORTED
    required_fields = (OciImageDependenciesField, OciImagePlatformField)

    dependencies: OciImageDependenciesField
    base: OciImageBaseField
    layers: OciImageLayersField
    directory: OciDirectoryField
    entrypoint: OciImageEntrypointField
    args: OciImageArgsField
    env: OciImageEnvField
    workdir: OciImageWorkdirField
    user: OciImageUserField
    ports: OciImagePortsField
    volumes: OciImageVolumesField
    labels: OciImageLabelsField
    annotations: OciImageAnnotationsField
    stop_signal: OciImageStopSignalField
    healthcheck: OciImageHealthcheckField
    platform: OciImagePlatformField
    python: OciPythonField
    pex_layers: OciImagePexLayersField
    pex_collisions: OciImagePexCollisionsField
    pex_compile: OciImagePexCompileField
    package_format: OciPackageFormatField
    environment: EnvironmentField
    output_path: OutputPathField

    def settings(self) -> ocikit.ContainerSettings:
        """What the author says of running it; the fields have checked their values."""
        healthcheck = self.healthcheck.value
        return ocikit.ContainerSettings(
            entrypoint=self.entrypoint.value,
            args=self.args.value,
            env=self.env.value or {},
            workdir=self.workdir.value,
            user=self.user.value,
            ports=tuple(p for text in self.ports.value or () for p in settings.parse_port(text)),
            volumes=self.volumes.value or (),
            labels=self.labels.value or {},
            stop_signal=self.stop_signal.value,
            healthcheck=settings.parse_healthcheck(healthcheck) if healthcheck else None,
        )


@dataclass(frozen=True)
class ImageRequest(EngineAwareParameter):
    """Build the image of an `oci_image`, each layer in the environment that its image asks for."""

    field_set: ImageFieldSet

    def debug_hint(self) -> str:
        return str(self.field_set.address)


@dataclass(frozen=True)
class BuiltImage:
    """An image; `blobs` has config, manifest and layers at `blobs/sha256/<hex>`.

    `origins` says what each layer is from. The lowest `base_layers` are those of `base`, which is published under its
    own name, if it has one. With `remote_base` they are there only, and not in `blobs`.
    """

    image: ocikit.Image
    blobs: Digest
    origins: tuple[str, ...]
    base: ocikit.Reference | None = None
    base_layers: int = 0
    remote_base: bool = False

    @property
    def remote_blobs(self) -> dict[str, str]:
        """In which repository the layers are that are not in `blobs`, by digest."""
        if not self.remote_base or self.base is None:
            return {}
        layers = self.image.manifest.layers[: self.base_layers]
        return {str(layer.digest): str(self.base.repository) for layer in layers}


def named_images(address: Address, images: Sequence[BuiltImage]) -> Iterator[tuple[str, BuiltImage]]:
    """What to call the image of a target, or the images of an index."""
    for one in images:
        yield (str(address) if len(images) == 1 else f"{address} [{one.image.platform}]"), one


@dataclass(frozen=True)
class Lineage:
    """An image and those it is built on, the lowest first, and the `oci_base` below them all."""

    images: tuple[ImageFieldSet, ...]
    base: BaseFieldSet | None


@dataclass(frozen=True)
class OwnLayersRequest(EngineAwareParameter):
    """Build the layers that an image adds to its base, whose Python is `interpreter` if it is known."""

    field_set: ImageFieldSet
    interpreter: Interpreter | None

    def debug_hint(self) -> str:
        return str(self.field_set.address)


@dataclass(frozen=True)
class LayersInEnvironmentRequest:
    """The same, in the environment that the image asks for."""

    layers: OwnLayersRequest


@dataclass(frozen=True)
class OwnLayers:
    """The layers that an image adds to its base, the lowest first, and the Python application that is in them."""

    layers: tuple[BuiltLayer, ...]
    application: PythonApplication | None = None


@rule(desc="Build the layers of an OCI image", level=LogLevel.DEBUG)
async def build_own_layers(request: OwnLayersRequest) -> OwnLayers:
    field_set = request.field_set
    address = field_set.address
    base = await call_base_address(base_of(field_set))
    layer_addresses = await resolve_unparsed_address_inputs(
        addresses_in(field_set.layers.value or (), address, OciImageLayersField.alias),
        **implicitly(),
    )
    layer_targets = await targets_of(**implicitly(Addresses(layer_addresses)))
    _refuse_other_layers(address, layer_targets)
    explicit = await concurrently(call_explicit_layer(LayerFieldSet.create(target)) for target in layer_targets)
    split_pex = field_set.pex_layers.value == "split"
    contents = await call_contents(
        ContentsRequest(field_set.dependencies, (*base.addresses, *layer_addresses), split_pex)
    )
    _refuse_several(address, [binary.address for binary in contents.binaries])
    applications = await concurrently(
        call_python_application(
            ApplicationRequest(
                address,
                binary,
                root_of(field_set.directory.value),
                ocikit.Platform.parse(field_set.platform.value),
                request.interpreter,
                field_set.pex_collisions.value == "allow",
                field_set.pex_compile.value,
            )
        )
        for binary in contents.binaries
    )
    placement = ocikit.Placement(directory=field_set.directory.value)
    with blamed_on(address):
        # Layers could hide each other's files; that two dependencies want one path is never meant.
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
    return OwnLayers((*explicit, *of_python, *automatic), applications[0] if applications else None)


call_own_layers = by_name_in_environment(build_own_layers, OwnLayers, OwnLayersRequest)


@rule(desc="Build the layers of an OCI image in its environment", level=LogLevel.TRACE)
async def own_layers_in_environment(request: LayersInEnvironmentRequest) -> OwnLayers:
    environment = await resolve_environment_name(
        EnvironmentNameRequest.from_field_set(request.layers.field_set), **implicitly()
    )
    own: OwnLayers = await call_own_layers(
        **implicitly({request.layers: OwnLayersRequest, environment: EnvironmentName})
    )
    return own


call_own_layers_in_environment = by_name(own_layers_in_environment, OwnLayers, LayersInEnvironmentRequest)


@rule(desc="Find what an OCI image is built on", level=LogLevel.DEBUG)
async def find_lineage(request: ImageRequest) -> Lineage:
    images = [request.field_set]
    while True:
        above = images[0]
        base = await call_base_address(base_of(above))
        targets = await targets_of(**implicitly(base.addresses))
        if not targets:
            return Lineage(tuple(images), None)
        if isinstance(targets[0], OciBaseTarget):
            return Lineage(tuple(images), BaseFieldSet.create(targets[0]))
        _refuse_other_bases(above.address, targets[0], images)
        images.insert(0, ImageFieldSet.create(targets[0]))


call_lineage = by_name(find_lineage, Lineage, ImageRequest)


@rule(desc="Build an OCI image", level=LogLevel.DEBUG)
async def build_image(request: ImageRequest) -> BuiltImage:
    lineage = await call_lineage(request)
    platform = ocikit.Platform.parse(request.field_set.platform.value)
    bases = await concurrently(call_base_image(BaseRequest(base, platform)) for base in (lineage.base,) if base)
    pythons = _interpreters(lineage, bases[0].image if bases else None)
    added = await concurrently(
        call_own_layers_in_environment(LayersInEnvironmentRequest(OwnLayersRequest(field_set, interpreter)))
        for field_set, interpreter in zip(lineage.images, pythons)
    )
    _refuse_two_in_one_place(lineage, added)
    if not bases and not any(own.layers for own in added):
        raise OciTargetError(
            request.field_set.address, "the image is empty: give it `dependencies`, `layers` or a `base`."
        )
    image = bases[0].image if bases else None
    annotations = bases[0].annotations if bases else {}
    for field_set, own in zip(lineage.images, added):
        wanted = field_set.settings()
        if own.application:
            wanted = started_by(wanted, own.application, image.config.container if image else {})
        with blamed_on(field_set.address):
            image = ocikit.build_image(
                base=image,
                layers=[built.layer for built in own.layers],
                settings=wanted,
                platform=ocikit.Platform.parse(field_set.platform.value),
                annotations={**annotations, **(field_set.annotations.value or {})},
            )
    assert image is not None
    documents = await create_digest(CreateDigest(_documents(image)))
    layers = [built.blobs for own in added for built in own.layers]
    blobs = await merge_digests(MergeDigests((documents, *(base.blobs for base in bases), *layers)))
    below = len(bases[0].image.manifest.layers) if bases else 0
    origins = (
        *([str(lineage.base.address)] * below if lineage.base else ()),
        *(b.origin for o in added for b in o.layers),
    )
    published = lineage.base.image.value if lineage.base else None
    return BuiltImage(
        image,
        blobs,
        origins,
        ocikit.Reference.parse(published) if published else None,
        below,
        any(base.remote for base in bases),
    )


call_image = by_name(build_image, BuiltImage, ImageRequest)


def base_of(field_set: ImageFieldSet) -> BaseAddressRequest:
    """The question which target the `base` field names, if any."""
    return BaseAddressRequest(field_set.address, field_set.base.value, field_set.platform.value)


def _interpreters(lineage: Lineage, base: ocikit.Image | None) -> list[Interpreter | None]:
    """The Python of each image: what it says itself, or else what it is built on."""
    said = lineage.base.python.value if lineage.base else None
    known = Interpreter.parse(said) if said else None
    if known is None and base is not None:
        known = Interpreter.of_official_image(base.config.container)
    found = []
    for field_set in lineage.images:
        if field_set.python.value:
            known = Interpreter.parse(field_set.python.value)
        found.append(known)
    return found


def _refuse_several(owner: Address, binaries: Sequence[Address]) -> None:
    if len(binaries) > 1:
        raise OciTargetError(
            owner,
            f"{' and '.join(map(str, binaries))} cannot be split into layers of one image. Give each an image of its "
            f'own, or set `{OciImagePexLayersField.alias}="single"`.',
        )


def _refuse_two_in_one_place(lineage: Lineage, added: Iterable[OwnLayers]) -> None:
    seen: dict[str, Address] = {}
    for field_set, own in zip(lineage.images, added):
        if own.application:
            root = own.application.application.root
            other = seen.setdefault(root, field_set.address)
            if other != field_set.address:
                raise OciTargetError(
                    field_set.address,
                    f"its Python application lies in {root}, as that of its base {other} does. Choose another "
                    f'`{OciDirectoryField.alias}`, or set `{OciImagePexLayersField.alias}="single"`.',
                )


def _refuse_other_bases(owner: Address, base: Target, above: Iterable[ImageFieldSet]) -> None:
    if not isinstance(base, OciImageTarget):
        raise OciTargetError(
            owner,
            f"the `base` {base.address} is {kind_of(base)}, which is no image; "
            f"name an `{OciBaseTarget.alias}` or an `{OciImageTarget.alias}`.",
        )
    if any(base.address == field_set.address for field_set in above):
        raise OciTargetError(owner, f"the `base` {base.address} is built on this image itself.")


def _refuse_other_layers(owner: Address, layers: Iterable[Target]) -> None:
    for target in layers:
        if not isinstance(target, OciLayerTarget):
            raise OciTargetError(
                owner,
                f"{target.address} in `layers` is {kind_of(target)}; name `{OciLayerTarget.alias}` "
                "targets there, and put what is to be split automatically into `dependencies`.",
            )


def _split(contents: Contents) -> Iterator[tuple[str, str, tuple[Part, ...]]]:
    """The automatic split: what changes together lies together, what changes most often on top."""
    for part in contents.packages:
        yield part.origin.target_name, str(part.origin), (part,)
    if contents.loose:
        yield "files", "files", contents.loose


def _documents(image: ocikit.Image) -> list[FileContent]:
    return [
        FileContent(f"blobs/sha256/{image.manifest.config.digest.hex}", image.config.data),
        FileContent(f"blobs/sha256/{image.digest.hex}", image.manifest.data),
    ]


def rules() -> Iterable[object]:
    return collect_rules()
