"""`pants tailor`: propose images for targets that can be packaged and run, in `[oci].tailor_directories`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pants.core.goals.package import PackageFieldSet
from pants.core.goals.publish import PublishFieldSet
from pants.core.goals.run import RunFieldSet
from pants.core.goals.tailor import PutativeTarget, PutativeTargets, PutativeTargetsRequest
from pants.engine.rules import collect_rules, rule
from pants.engine.target import AllUnexpandedTargets, FieldSet, Target
from pants.engine.unions import UnionMembership, UnionRule
from pants.source.filespec import FilespecMatcher
from pants.util.logging import LogLevel

from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.image import OciImageTarget
from pants_oci.targets.push import OciPushTarget


@dataclass(frozen=True)
class PutativeImagesRequest(PutativeTargetsRequest):
    """Propose an `oci_image` and an `oci_push`."""


@rule(desc="Find targets for OCI images", level=LogLevel.DEBUG)
async def propose_images(
    request: PutativeImagesRequest, everything: AllUnexpandedTargets, oci: OciSubsystem, unions: UnionMembership
) -> PutativeTargets:
    chosen = (
        set(FilespecMatcher(oci.tailor_directories, ()).matches(list(request.dirs)))
        if oci.tailor_directories
        else set()
    )
    by_directory: dict[str, list[Target]] = {}
    for target in everything:
        if target.address.spec_path in chosen:
            by_directory.setdefault(target.address.spec_path, []).append(target)
    return PutativeTargets(
        proposal
        for directory, targets in sorted(by_directory.items())
        if not any(isinstance(target, OciImageTarget) for target in targets)
        for proposal in _proposals(
            directory,
            [target for target in targets if _is_application(target, unions)],
            {target.address.target_name for target in targets},
        )
    )


def _proposals(directory: str, applications: list[Target], taken: set[str]) -> Iterator[PutativeTarget]:
    """One image for all applications of a directory, because a directory has one default repository."""
    if not applications:
        return
    # Pants silently renames targets whose name is taken, and those at the build root without a `name`.
    image, push = _free("image", taken), _free("push", taken)
    dependencies = tuple(sorted(f":{target.address.target_name}" for target in applications))
    proposed = ((OciImageTarget, image, {"dependencies": dependencies}), (OciPushTarget, push, {"image": f":{image}"}))
    for kind, name, values in proposed:
        yield PutativeTarget.for_target_type(kind, directory, name, (), {"name": name, **values})


def _free(name: str, taken: set[str]) -> str:
    """`name` or, if a target has it, a similar one."""
    candidates = (name, f"oci-{name}", *(f"oci-{name}-{number}" for number in range(len(taken))))
    return next(candidate for candidate in candidates if candidate not in taken)


def _is_application(target: Target, unions: UnionMembership) -> bool:
    """Whether a target is a program: not a library, and not published by itself, as other kinds of images are."""
    packaged, run = (_is_any(target, unions[kind]) for kind in (PackageFieldSet, RunFieldSet))
    return packaged and run and not _is_any(target, unions[PublishFieldSet])


def _is_any(target: Target, field_sets: Iterable[type[FieldSet]]) -> bool:
    return any(field_set.is_applicable(target) for field_set in field_sets)


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(PutativeTargetsRequest, PutativeImagesRequest))
