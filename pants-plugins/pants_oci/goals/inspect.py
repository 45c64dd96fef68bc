"""`pants oci-inspect`: show what images contain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pants.base.specs import Specs
from pants.engine.console import Console
from pants.engine.fs import Workspace
from pants.engine.goal import Goal, GoalSubsystem, Outputting
from pants.engine.rules import collect_rules, goal_rule
from pants.option.option_types import BoolOption, IntOption
from pants.util.strutil import help_text, softwrap

from ocikit.inspect.describe import PlacedFile, document, lines
from ocikit.layer.contents import largest, overlay
from ocikit.printable import printable_json, printable_lines
from pants_oci.compat import concurrently, filtered_targets_of_specs, implicitly
from pants_oci.images.files import ImageFilesRequest, call_image_files
from pants_oci.images.image import BuiltImage, ImageRequest, call_image, named_images
from pants_oci.images.index import IndexFieldSet, IndexRequest, call_index
from pants_oci.log import printable_logger
from pants_oci.publish.push import PushFieldSet, ResolvedPushRequest, call_resolved_push
from pants_oci.targets.image import OciImageTarget
from pants_oci.targets.image_field_set import ImageFieldSet
from pants_oci.targets.index import OciIndexTarget
from pants_oci.targets.push import OciPushTarget

logger = printable_logger(__name__)

_ALIASES = (OciImageTarget.alias, OciIndexTarget.alias, OciPushTarget.alias)


class OciInspectSubsystem(Outputting, GoalSubsystem):
    name = "oci-inspect"
    help = help_text(
        f"""
        Show what an image contains: configuration, layers and their origins, and the largest files.

        Takes `{OciImageTarget.alias}`, `{OciIndexTarget.alias}` and `{OciPushTarget.alias}` targets.

        Example:

            pants oci-inspect --files=20 services/web:image
            pants oci-inspect --json --output-file=images.json ::
        """
    )

    json = BoolOption(default=False, help="Print a JSON list with an object for each target: `--json`")
    files = IntOption(
        default=10,
        help=softwrap(
            """
            The number of largest files to show. With `--files=0`, no layer is read, and layers of a base are not
            downloaded.
            """
        ),
    )


class OciInspect(Goal):
    subsystem_cls = OciInspectSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


# Takes all that Pants gives a goal: of what it left, each rule below would get one more version (docs/architecture.md).
@goal_rule
async def inspect(specs: Specs, options: OciInspectSubsystem, console: Console, _: Workspace) -> OciInspect:
    targets = await filtered_targets_of_specs(**implicitly({specs: Specs}))
    images = [ImageFieldSet.create(target) for target in targets if ImageFieldSet.is_applicable(target)]
    indexes = [IndexFieldSet.create(target) for target in targets if IndexFieldSet.is_applicable(target)]
    pushes = [PushFieldSet.create(target) for target in targets if PushFieldSet.is_applicable(target)]
    built = await concurrently(call_image(ImageRequest(field_set)) for field_set in images)
    of_indexes = await concurrently(call_index(IndexRequest(field_set)) for field_set in indexes)
    requested = await concurrently(call_resolved_push(ResolvedPushRequest(field_set)) for field_set in pushes)
    found = {str(field_set.address): one for field_set, one in zip(images, built)}
    several = [(field_set.address, one.images) for field_set, one in zip(indexes, of_indexes)]
    several += [(field_set.address, one.images) for field_set, one in zip(pushes, requested)]
    # Indexes and pushes would repeat an image that the command line names itself.
    seen = {one.image.digest for one in built}
    for address, some in several:
        found.update((name, one) for name, one in named_images(address, some) if one.image.digest not in seen)
        seen.update(one.image.digest for one in some)
    if not found:
        logger.warning("There is no `%s`, `%s` or `%s` to inspect.", *_ALIASES)
        return OciInspect(exit_code=0)
    files: list[tuple[PlacedFile, ...] | None] = [None] * len(found)
    if options.files > 0:
        listed = await concurrently(call_image_files(ImageFilesRequest(image)) for image in found.values())
        files = [largest(overlay(layer or () for layer in one.layers), options.files) for one in listed]
    described = [(*item, some) for item, some in zip(found.items(), files)]
    with options.output(console) as write:
        if options.json:
            write(printable_json([_document(*one) for one in described]) + "\n")
        else:
            write(printable_lines(_text(described)) + "\n")
    return OciInspect(exit_code=0)


def _document(address: str, built: BuiltImage, files: tuple[PlacedFile, ...] | None) -> dict[str, Any]:
    image = built.image
    return {"target": address, **document(image.manifest, image.config, built.origins, files)}


def _text(described: Iterable[tuple[str, BuiltImage, tuple[PlacedFile, ...] | None]]) -> Iterator[str]:
    for number, (address, built, files) in enumerate(described):
        if number:
            yield ""
        yield from lines(address, built.image.manifest, built.image.config, built.origins, files or ())


def rules() -> Iterable[object]:
    return collect_rules()
