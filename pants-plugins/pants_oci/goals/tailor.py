"""`pants tailor`: images for what `package` can build, only where `[oci].tailor` asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pants.core.goals.package import PackageFieldSet
from pants.core.goals.publish import PublishFieldSet
from pants.core.goals.tailor import PutativeTarget, PutativeTargets, PutativeTargetsRequest
from pants.engine.rules import collect_rules, rule
from pants.engine.target import AllUnexpandedTargets, FieldSet, Target
from pants.engine.unions import UnionMembership, UnionRule
from pants.source.filespec import FilespecMatcher
from pants.util.logging import LogLevel

from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.image import OciImageTarget
from pants_oci.targets.push import OciPushTarget

_ROOT = "."


@dataclass(frozen=True)
class PutativeImagesRequest(PutativeTargetsRequest):
    """Propose an `oci_image` and an `oci_push`."""


@rule(desc="Find what could be in OCI images", level=LogLevel.DEBUG)
async def propose_images(
    request: PutativeImagesRequest, everything: AllUnexpandedTargets, oci: OciSubsystem, unions: UnionMembership
) -> PutativeTargets:
    directories = [directory or _ROOT for directory in request.dirs]
    chosen = set(FilespecMatcher(oci.tailor, ()).matches(directories)) if oci.tailor else set()
    by_directory: dict[str, list[Target]] = {}
    for target in everything:
        if (target.address.spec_path or _ROOT) in chosen:
            by_directory.setdefault(target.address.spec_path, []).append(target)
    packages, published = unions[PackageFieldSet], unions[PublishFieldSet]
    return PutativeTargets(
        proposal
        for directory, targets in sorted(by_directory.items())
        if not any(isinstance(target, OciImageTarget) for target in targets)
        for proposal in _proposals(
            directory,
            # What is published by itself, a wheel for instance, is not what people put into an image.
            [t for t in targets if _is_any(t, packages) and not _is_any(t, published)],
            {target.address.target_name for target in targets},
        )
    )


def _proposals(directory: str, packages: list[Target], taken: set[str]) -> Iterator[PutativeTarget]:
    """One image for all packages of a directory: it has one default repository, too."""
    if not packages:
        return
    # Pants would give another name to one that is taken, and would not tell the other target.
    image = next(
        name for name in ("image", "oci-image", *(f"image{n}" for n in range(len(taken)))) if name not in taken
    )
    dependencies = tuple(sorted(f":{target.address.target_name}" for target in packages))
    yield PutativeTarget.for_target_type(OciImageTarget, directory, image, (), {"dependencies": dependencies})
    yield PutativeTarget.for_target_type(OciPushTarget, directory, "push", (), {"image": f":{image}"})


def _is_any(target: Target, field_sets: Iterable[type[FieldSet]]) -> bool:
    return any(field_set.is_applicable(target) for field_set in field_sets)


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(PutativeTargetsRequest, PutativeImagesRequest))
