"""`ocikit push LAYOUT REFERENCE`: push an image from an image layout to a registry."""

from __future__ import annotations

import argparse

from ocikit import output
from ocikit.cli.arguments import add_insecure
from ocikit.cli.copy import copy
from ocikit.spec.image_layout import LAYOUT_SCHEME


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("layout", metavar="LAYOUT", help='PATH[:TAG], with or without "oci:"')
    parser.add_argument("reference", metavar="REFERENCE")
    add_insecure(parser)


def run(arguments: argparse.Namespace) -> int:
    layout = arguments.layout
    source = layout if layout.startswith(LAYOUT_SCHEME) else f"{LAYOUT_SCHEME}{layout}"
    output.write(copy(source, arguments.reference, arguments.insecure))
    return 0
