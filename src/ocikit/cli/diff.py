"""`ocikit diff BEFORE AFTER`: how two images differ."""

from __future__ import annotations

import argparse
import os

from ocikit.cli import output
from ocikit.cli.arguments import add_insecure, checked
from ocikit.destination import open_store
from ocikit.image import shared_layers
from ocikit.layer.files import compare, overlay
from ocikit.looking.comparison import compare_images, lines
from ocikit.looking.reading import layer_files, read_image
from ocikit.platform import Platform


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="BEFORE")
    parser.add_argument("after", metavar="AFTER")
    parser.add_argument("--json", action="store_true", help="every difference as JSON")
    kind = checked(Platform.parse)
    parser.add_argument("--platform", type=kind, default=Platform("linux", "amd64"), help="which images of indexes")
    add_insecure(parser)


def run(arguments: argparse.Namespace) -> int:
    """Layers that both begin with are not read."""
    with (
        open_store(arguments.before, os.environ, insecure=arguments.insecure) as old,
        open_store(arguments.after, os.environ, insecure=arguments.insecure) as new,
    ):
        before, after = (read_image(place.store, place.name, arguments.platform) for place in (old, new))
        known = shared_layers(before.config.diff_ids, after.config.diff_ids)
        trees = [
            overlay((layer_files(place.store, layer) for layer in image.manifest.layers[known:]), whole=not known)
            for place, image in ((old, before), (new, after))
        ]
    changes = compare_images(before, after, (), compare(*trees))
    if arguments.json:
        output.write_json(changes.to_json())
    else:
        output.write(*lines(f"{arguments.before} → {arguments.after}", changes))
    return 0
