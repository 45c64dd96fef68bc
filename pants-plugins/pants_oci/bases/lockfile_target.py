"""A target for the lock file, so that `--changed-since` selects the images that a new lock changes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.target_types import LockfileTarget
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST, PathGlobs
from pants.engine.internals.synthetic_targets import SyntheticAddressMaps, SyntheticTargetsRequest
from pants.engine.internals.target_adaptor import TargetAdaptor
from pants.engine.rules import collect_rules, rule
from pants.engine.target import FieldSet, InferDependenciesRequest, InferredDependencies
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from pants_oci.bases.pinned import lockable
from pants_oci.compat import path_globs_to_digest
from pants_oci.errors import errors_of
from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.base import OciBaseDependenciesField, OciBaseDigestField, OciBaseImageField, OciBasePathField

_NAME = "_oci_lockfile"


@dataclass(frozen=True)
class SyntheticLockfileRequest(SyntheticTargetsRequest):
    path: str = SyntheticTargetsRequest.SINGLE_REQUEST_FOR_ALL_TARGETS


@rule(desc="Make a target for the lock file of bases", level=LogLevel.DEBUG)
async def lockfile_target(request: SyntheticLockfileRequest, oci: OciSubsystem) -> SyntheticAddressMaps:
    digest = await path_globs_to_digest(PathGlobs([oci.lockfile]))
    if digest == EMPTY_DIGEST:
        return SyntheticAddressMaps()
    folder, name = os.path.split(oci.lockfile)
    target = TargetAdaptor(
        LockfileTarget.alias, name=_NAME, source=name, __description_of_origin__="the [oci].lockfile option"
    )
    return SyntheticAddressMaps.for_targets_request(request, [(os.path.join(folder, "BUILD.oci-lock"), (target,))])


@dataclass(frozen=True)
class BaseInferenceFieldSet(FieldSet):
    required_fields = (OciBaseDependenciesField, OciBaseImageField, OciBaseDigestField, OciBasePathField)

    image: OciBaseImageField
    digest: OciBaseDigestField
    path: OciBasePathField


class InferBaseDependencies(InferDependenciesRequest[BaseInferenceFieldSet]):
    infer_from = BaseInferenceFieldSet


@rule(desc="Infer the dependencies of an OCI base", level=LogLevel.DEBUG)
async def infer_base_dependencies(request: InferBaseDependencies, oci: OciSubsystem) -> InferredDependencies:
    base = request.field_set
    digest = await path_globs_to_digest(PathGlobs([oci.lockfile]))
    if base.path.value or not base.image.value or digest == EMPTY_DIGEST:
        return InferredDependencies(())
    with errors_of(base.address):
        locked = lockable(base.image.value, base.digest.value)
    if locked is None:
        return InferredDependencies(())
    return InferredDependencies((Address(os.path.dirname(oci.lockfile), target_name=_NAME),))


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(SyntheticTargetsRequest, SyntheticLockfileRequest),
        UnionRule(InferDependenciesRequest, InferBaseDependencies),
    )
