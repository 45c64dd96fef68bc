"""`ocikit verify IMAGE`: list all problems of an image, one per line."""

from __future__ import annotations

import argparse
import os

from ocikit import output
from ocikit.cli.arguments import add_insecure, add_limits, limits_of
from ocikit.errors import NotFound
from ocikit.location import Location, RegistryOptions, open_store
from ocikit.spec.descriptor import Descriptor
from ocikit.spec.image_layout import tag_of
from ocikit.store.store import Lister
from ocikit.store.verify import problems


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="an image, or an image layout without a tag: all its images")
    add_limits(parser, files=False)
    add_insecure(parser)


def run(arguments: argparse.Namespace) -> int:
    with open_store(arguments.image, os.environ, options=RegistryOptions(arguments.insecure)) as location:
        manifests = _manifests(location)
        if not manifests:
            raise NotFound(f'"{arguments.image}" does not exist.')
        found = problems(location.store, manifests, limits_of(arguments))
    output.write(*(found or (f"{arguments.image}: ok",)))
    return 1 if found else 0


def _manifests(location: Location) -> tuple[Descriptor, ...]:
    """The manifests to check. A layout lists them itself, because a damaged one does not resolve."""
    if isinstance(location.store, Lister):
        listed = tuple(
            entry
            for entry in location.store.entries()
            if location.tag in (None, tag_of(entry)) and location.digest in (None, entry.digest)
        )
        if listed or not location.digest:
            return listed
    found = location.store.resolve(location.name)
    return (found,) if found else ()
