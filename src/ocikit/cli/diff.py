"""`ocikit diff BEFORE AFTER`: how two images differ."""

from __future__ import annotations

import argparse
import json
import os
from functools import partial

from ocikit.cli.arguments import add_insecure, checked
from ocikit.destination import open_store
from ocikit.image import shared_layers
from ocikit.layer.files import compare, overlay
from ocikit.looking.comparison import compare_images, lines
from ocikit.looking.reading import layer_files, read_image
from ocikit.platform import Platform
from ocikit.registry.retry import RetryBudget


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="BEFORE")
    parser.add_argument("after", metavar="AFTER")
    parser.add_argument("--json", action="store_true", help="every difference as JSON")
    kind = checked(Platform.parse)
    parser.add_argument("--platform", type=kind, default=Platform("linux", "amd64"), help="which images of indexes")
    add_insecure(parser)


def run(arguments: argparse.Namespace) -> int:
    """Layers that both begin with are not read."""
    place = partial(open_store, environ=os.environ, insecure=arguments.insecure, budget=RetryBudget())
    with place(arguments.before) as old, place(arguments.after) as new:
        before, after = (read_image(place.store, place.name, arguments.platform) for place in (old, new))
        known = shared_layers(before.config.diff_ids, after.config.diff_ids)
        trees = [
            overlay((layer_files(place.store, layer) for layer in image.manifest.layers[known:]), whole=not known)
            for place, image in ((old, before), (new, after))
        ]
    changes = compare_images(before, after, (), compare(*trees))
    if arguments.json:
        print(json.dumps(changes.to_json(), indent=2, sort_keys=True, ensure_ascii=False))
    else:
        print("\n".join(lines(f"{arguments.before} → {arguments.after}", changes)))
    return 0
