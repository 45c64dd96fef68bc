"""`ocikit diff BEFORE AFTER`: show how two images differ."""

from __future__ import annotations

import argparse
import os
from functools import partial

from ocikit import output
from ocikit.cli.arguments import add_insecure, add_limits, checked, limits_of
from ocikit.image.build import shared_layers
from ocikit.inspect.diff import compare_images, lines
from ocikit.inspect.read import image_layers, read_image
from ocikit.layer.contents import compare, overlay
from ocikit.layer.limits import FileCount
from ocikit.location import RegistryOptions, open_within
from ocikit.registry.retry_policy import RetryBudget
from ocikit.spec.platform import Platform


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="BEFORE")
    parser.add_argument("after", metavar="AFTER")
    parser.add_argument("--json", action="store_true", help="print every difference as JSON")
    kind = checked(Platform.parse)
    parser.add_argument("--platform", type=kind, default=Platform("linux", "amd64"), help="the image of an index")
    add_limits(parser)
    add_insecure(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare two images, without reading the lowest layers that they share."""
    limits = limits_of(arguments)
    # One count: the files of both images are in memory at the same time.
    count = FileCount(limits)
    place = partial(open_within, RetryBudget(), environ=os.environ, options=RegistryOptions(arguments.insecure))
    with place(arguments.before) as old, place(arguments.after) as new:
        before, after = (read_image(place.store, place.name, arguments.platform) for place in (old, new))
        known = shared_layers(before.config.diff_ids, after.config.diff_ids)
        trees = [
            overlay(image_layers(place.store, image.manifest.layers[known:], limits, count), whole=not known)
            for place, image in ((old, before), (new, after))
        ]
    changes = compare_images(before, after, (), compare(*trees))
    if arguments.json:
        output.write_json(changes.to_json())
    else:
        output.write_lines(lines(f"{arguments.before} → {arguments.after}", changes))
    return 0
