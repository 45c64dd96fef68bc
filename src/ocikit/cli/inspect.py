"""`ocikit inspect IMAGE`: show what an image is made of, for people or as JSON."""

from __future__ import annotations

import argparse
import os

from ocikit import output
from ocikit.cli.arguments import add_insecure, add_limits, limits_of
from ocikit.inspect.describe import document, lines
from ocikit.inspect.read import image_layers, read_config
from ocikit.layer.contents import largest, overlay
from ocikit.layer.limits import FileCount
from ocikit.location import RegistryOptions, open_store
from ocikit.spec.manifest import Manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument("--json", action="store_true", help="print manifest and config as JSON")
    parser.add_argument(
        "--files", type=int, default=0, metavar="N", help="also print the N largest files; reads all layers"
    )
    add_limits(parser)
    add_insecure(parser)


def run(arguments: argparse.Namespace) -> int:
    with open_store(arguments.image, os.environ, options=RegistryOptions(arguments.insecure)) as location:
        manifest = location.store.fetch_manifest(location.name)
        config = read_config(location.store, manifest) if isinstance(manifest, Manifest) else None
        files = None
        if arguments.files > 0 and isinstance(manifest, Manifest) and config:
            limits = limits_of(arguments)
            tree = overlay(image_layers(location.store, manifest.layers, limits, FileCount(limits)))
            files = largest(tree, arguments.files)
    if arguments.json:
        described = {"reference": arguments.image, **document(manifest, config, files=files)}
        output.write_json(described)
    else:
        output.write(*lines(arguments.image, manifest, config, files=files or ()))
    return 0
