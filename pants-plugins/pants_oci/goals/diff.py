"""`pants oci-diff`: compare images with those that their tags name now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pants.base.specs import Specs
from pants.engine.console import Console
from pants.engine.fs import Workspace
from pants.engine.goal import Goal, GoalSubsystem, Outputting
from pants.engine.rules import collect_rules, goal_rule
from pants.option.option_types import BoolOption
from pants.util.strutil import help_text, softwrap

from ocikit.image.build import shared_layers
from ocikit.inspect.diff import ImageChanges, compare_images, lines
from ocikit.layer.contents import File, FileChanges, FileTree, compare, overlay
from ocikit.printable import printable_json, printable_lines
from pants_oci.compat import concurrently, filtered_targets_of_specs, implicitly
from pants_oci.images.files import ImageFiles, ImageFilesRequest, call_image_files
from pants_oci.images.image import BuiltImage, named_images
from pants_oci.images.remote import RemoteImage, RemoteImagesRequest, RemoteReference, call_remote_images
from pants_oci.log import printable_logger
from pants_oci.publish.push import PushFieldSet, ResolvedPushRequest, call_resolved_push
from pants_oci.targets.push import OciPushTarget

logger = printable_logger(__name__)


class OciDiffSubsystem(Outputting, GoalSubsystem):
    name = "oci-diff"
    help = help_text(
        f"""
        Show how the image of an `{OciPushTarget.alias}`, or each image of its index, differs from what its tags name in
        the registries now: configuration, layers, and files added, removed and changed. Nothing is published.

        From registries, only layers that the two images do not share are downloaded.

        Example:

            pants oci-diff --fail-on-changes services/web:push
            pants oci-diff --json --output-file=changes.json services/web:push
        """
    )

    json = BoolOption(default=False, help="Print a JSON list with an object for each reference: `--json`")
    fail_on_changes = BoolOption(
        default=False,
        help=softwrap(
            """
            Exit with 1 if anything differs: `--fail-on-changes`. Without it, only a failed comparison exits with 1.
            """
        ),
    )


class OciDiff(Goal):
    subsystem_cls = OciDiffSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


@dataclass(frozen=True)
class _Compared:
    target: str
    reference: str
    image: BuiltImage
    remote: RemoteImage

    @property
    def is_different(self) -> bool:
        """Whether the tag is known to name another image, or not to exist."""
        return bool(self.remote.image) or not (self.remote.digest or self.remote.error)

    @property
    def known_layers(self) -> int:
        """The number of lowest layers that are not read: both images share them, or they are those of a base."""
        if self.remote.image is None:
            return self.image.base_layers
        return shared_layers(self.remote.image.config.diff_ids, self.image.image.config.diff_ids)


# Takes all that Pants gives a goal: of what it left, each rule below would get one more version (docs/architecture.md).
@goal_rule
async def diff(specs: Specs, options: OciDiffSubsystem, console: Console, _: Workspace) -> OciDiff:
    targets = await filtered_targets_of_specs(**implicitly({specs: Specs}))
    pushes = [PushFieldSet.create(target) for target in targets if PushFieldSet.is_applicable(target)]
    if not pushes:
        logger.warning("There is no `%s` to compare.", OciPushTarget.alias)
        return OciDiff(exit_code=0)
    requested = await concurrently(call_resolved_push(ResolvedPushRequest(field_set)) for field_set in pushes)
    references = [
        (name, image, push.destination, tag)
        for field_set, one in zip(pushes, requested)
        for push in (*one.requests, *one.skipped)
        for tag in push.tags
        for name, image in named_images(field_set.address, one.images)
    ]
    asked = await call_remote_images(
        RemoteImagesRequest(tuple(RemoteReference(place, tag, one.image) for _, one, place, tag in references))
    )
    for text in asked.warnings:
        logger.warning("%s", text)
    pairs = [
        _Compared(target, place.reference(tag), one, remote)
        for (target, one, place, tag), remote in zip(references, asked.images)
    ]
    failed = [pair for pair in pairs if pair.remote.error]
    different = [pair for pair in pairs if pair.is_different]
    listed = await concurrently(
        call_image_files(ImageFilesRequest(pair.image, pair.known_layers)) for pair in different
    )
    files = iter([_file_changes(pair, one) for pair, one in zip(different, listed)])
    changes = [
        (pair, _changes(pair, next(files) if pair.is_different else FileChanges()))
        for pair in pairs
        if not pair.remote.error
    ]
    with options.output(console) as write:
        write(printable_json(_documents(changes)) + "\n" if options.json else printable_lines(_text(changes)))
    for pair in failed:
        logger.error("%s: %s cannot be compared: %s", pair.target, pair.reference, pair.remote.error)
    changed = options.fail_on_changes and any(change for _, change in changes)
    return OciDiff(exit_code=1 if failed or changed else 0)


def _file_changes(pair: _Compared, ours: ImageFiles) -> FileChanges:
    """Compare the files. Shared layers are below both images if available; otherwise their files are unknown."""
    known = pair.known_layers
    below, above = ours.layers[:known], ours.layers[known:]
    whole = None not in below
    shared = [layer for layer in below if layer is not None]
    after = overlay((*shared, *(layer or () for layer in above)), whole=whole)
    if pair.remote.image is None:
        return compare(FileTree({}), FileTree(after.files))
    return compare(overlay((*shared, *_remote_layers(pair, ours, known)), whole=whole), after)


def _remote_layers(pair: _Compared, ours: ImageFiles, known: int) -> Sequence[tuple[File, ...]]:
    if pair.remote.image is None:
        return ()
    files = {str(layer.digest): some for layer, some in zip(pair.image.image.manifest.layers, ours.layers) if some}
    files.update(pair.remote.files or {})
    return tuple(files.get(str(layer.digest), ()) for layer in pair.remote.image.manifest.layers[known:])


def _changes(pair: _Compared, files: FileChanges) -> ImageChanges:
    image = pair.image.image
    before = image if pair.remote.digest == str(image.digest) else pair.remote.image
    return compare_images(before, image, pair.image.origins, files)


def _documents(changes: Iterable[tuple[_Compared, ImageChanges]]) -> list[dict[str, Any]]:
    return [{"target": pair.target, "reference": pair.reference, **change.to_json()} for pair, change in changes]


def _text(changes: Sequence[tuple[_Compared, ImageChanges]]) -> Iterator[str]:
    for pair, change in changes:
        yield from lines(f"{pair.target}: {pair.reference}", change)
    if changes:
        yield ""


def rules() -> Iterable[object]:
    return collect_rules()
