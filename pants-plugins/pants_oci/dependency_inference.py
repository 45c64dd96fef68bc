"""Infer dependencies from fields and manifests, so that `dependents` and `--changed-dependents` see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.rules import collect_rules, rule
from pants.engine.target import FieldSet, InferDependenciesRequest, InferredDependencies
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from pants_oci.compat import implicitly, resolve_unparsed_address_inputs
from pants_oci.deploy.references import NamedPushesRequest, call_named_pushes
from pants_oci.target_addresses import (
    BaseAddressRequest,
    NamedTargetsRequest,
    addresses_in,
    call_base_address,
    call_named_targets,
)
from pants_oci.targets.deployment import OciDeploymentDependenciesField, OciDeploymentSourcesField
from pants_oci.targets.image import (
    OciImageBaseField,
    OciImageDependenciesField,
    OciImageLayersField,
    OciImagePlatformField,
)
from pants_oci.targets.index import OciIndexDependenciesField, OciIndexImagesField
from pants_oci.targets.push import OciPushDependenciesField, OciPushImageField


@dataclass(frozen=True)
class ImageInferenceFieldSet(FieldSet):
    required_fields = (OciImageDependenciesField, OciImageBaseField, OciImageLayersField)

    base: OciImageBaseField
    layers: OciImageLayersField
    platform: OciImagePlatformField


class InferImageDependencies(InferDependenciesRequest[ImageInferenceFieldSet]):
    infer_from = ImageInferenceFieldSet


@dataclass(frozen=True)
class IndexInferenceFieldSet(FieldSet):
    required_fields = (OciIndexDependenciesField, OciIndexImagesField)

    images: OciIndexImagesField


class InferIndexDependencies(InferDependenciesRequest[IndexInferenceFieldSet]):
    infer_from = IndexInferenceFieldSet


@dataclass(frozen=True)
class PushInferenceFieldSet(FieldSet):
    required_fields = (OciPushDependenciesField, OciPushImageField)

    image: OciPushImageField


class InferPushDependencies(InferDependenciesRequest[PushInferenceFieldSet]):
    infer_from = PushInferenceFieldSet


@dataclass(frozen=True)
class DeploymentInferenceFieldSet(FieldSet):
    required_fields = (OciDeploymentDependenciesField, OciDeploymentSourcesField)

    sources: OciDeploymentSourcesField


class InferDeploymentDependencies(InferDependenciesRequest[DeploymentInferenceFieldSet]):
    infer_from = DeploymentInferenceFieldSet


@rule(desc="Infer the dependencies of an OCI image", level=LogLevel.DEBUG)
async def infer_image_dependencies(request: InferImageDependencies) -> InferredDependencies:
    field_set = request.field_set
    base = await call_base_address(
        BaseAddressRequest(field_set.address, field_set.base.value, field_set.platform.value)
    )
    layers = await resolve_unparsed_address_inputs(
        addresses_in(field_set.layers.value or (), field_set.address, OciImageLayersField.alias),
        **implicitly(),
    )
    return InferredDependencies((*base.addresses, *layers))


@rule(desc="Infer the dependencies of an OCI index", level=LogLevel.DEBUG)
async def infer_index_dependencies(request: InferIndexDependencies) -> InferredDependencies:
    field_set = request.field_set
    found = await call_named_targets(
        NamedTargetsRequest(field_set.address, OciIndexImagesField.alias, field_set.images.value)
    )
    return InferredDependencies(found.addresses)


@rule(desc="Infer the dependencies of an OCI push", level=LogLevel.DEBUG)
async def infer_push_dependencies(request: InferPushDependencies) -> InferredDependencies:
    field_set = request.field_set
    found = await call_named_targets(
        NamedTargetsRequest(field_set.address, OciPushImageField.alias, (field_set.image.value,))
    )
    return InferredDependencies(found.addresses)


@rule(desc="Infer the dependencies of an OCI deployment", level=LogLevel.DEBUG)
async def infer_deployment_dependencies(request: InferDeploymentDependencies) -> InferredDependencies:
    named = await call_named_pushes(NamedPushesRequest(request.field_set.sources))
    return InferredDependencies(target.address for target in named.targets)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(InferDependenciesRequest, InferImageDependencies),
        UnionRule(InferDependenciesRequest, InferIndexDependencies),
        UnionRule(InferDependenciesRequest, InferPushDependencies),
        UnionRule(InferDependenciesRequest, InferDeploymentDependencies),
    )
