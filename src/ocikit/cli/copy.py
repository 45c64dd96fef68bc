"""`ocikit copy SOURCE DESTINATION`: copy an image or index byte for byte."""

from __future__ import annotations

import argparse
import os
from functools import partial

from ocikit import output
from ocikit.cli.arguments import add_insecure
from ocikit.errors import NotFound
from ocikit.location import DEFAULT_TAG, RegistryOptions, open_within
from ocikit.progress import Meter
from ocikit.registry.retry_policy import RetryBudget
from ocikit.sandbox.progress import report_progress_to_people
from ocikit.spec.descriptor import Descriptor
from ocikit.store import store
from ocikit.units import human_bytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("destination", metavar="DESTINATION")
    add_insecure(parser)


def run(arguments: argparse.Namespace) -> int:
    output.write(copy(arguments.source, arguments.destination, arguments.insecure))
    return 0


def copy(source_text: str, destination_text: str, insecure: bool) -> str:
    """Copy an image and return its digest; a destination without a tag gets the source's. Reports progress."""
    meter, budget = Meter("Copied", "blobs"), RetryBudget()
    place = partial(open_within, budget, environ=os.environ, options=RegistryOptions(insecure), meter=meter)
    with place(source_text) as source, place(destination_text, for_push=True) as destination:
        found = source.store.resolve(source.name)
        if found is None:
            raise NotFound(f'"{source_text}" does not exist.')
        tag = destination.tag_for(found.digest, source.tag or DEFAULT_TAG)
        with report_progress_to_people(meter):
            return str(store.copy(source.store, destination.store, str(found.digest), tag, meter, _report_withheld))


def _report_withheld(layer: Descriptor) -> None:
    size, kind = human_bytes(layer.size), layer.media_type
    message = f'left out the layer {layer.digest} ({size}): layers of type "{kind}" must not be redistributed.'
    output.tell_from_ocikit([message])
