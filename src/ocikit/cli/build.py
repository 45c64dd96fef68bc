"""`ocikit build`: build an image from directories into an image layout."""

from __future__ import annotations

import argparse
import os
from functools import partial
from io import BytesIO

from ocikit.cli.arguments import add_insecure, checked, key_and_value
from ocikit.errors import InvalidInput
from ocikit.image.base import base_image
from ocikit.image.build import Image, build_image
from ocikit.inspect.read import read_image
from ocikit.layer.compression import Compression
from ocikit.layer.from_directory import sources_in
from ocikit.layer.layer import Layer
from ocikit.layer.placement import Owner, Placement, place
from ocikit.layer.write import build_layer
from ocikit.location import RegistryOptions, open_store
from ocikit.output import write
from ocikit.spec import container_settings
from ocikit.spec.config import ContainerSettings
from ocikit.spec.platform import Platform
from ocikit.store.layout import Layout
from ocikit.store.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-o", "--output", required=True, metavar="oci:PATH[:TAG]", help="where to write the image")
    add("--base", metavar="IMAGE", help="the image to build on (default: none)")
    add(
        "--layer",
        action="append",
        default=[],
        metavar="DIR[=/DEST]",
        help="a directory to add as a layer, at /DEST or /; the lowest layer first",
    )
    add("--owner", type=checked(Owner.parse), default=Owner(0, 0), metavar="UID[:GID]")
    add("--platform", type=checked(Platform.parse), default=Platform("linux", "amd64"))
    kind = checked(Compression.parse)
    add("--compression", type=kind, default=Compression(), metavar="KIND[:LEVEL]")
    _add_settings(parser)
    add_insecure(parser)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    pair = checked(key_and_value)
    add("--entrypoint", action="append", metavar="WORD", help="repeat the option for further words")
    add("--arg", action="append", metavar="WORD", help="write --arg=-x for a word that starts with a dash")
    add("--env", action="append", default=[], type=pair, metavar="NAME=VALUE")
    add("--label", action="append", default=[], type=pair, metavar="NAME=VALUE")
    add("--annotation", action="append", default=[], type=pair, metavar="NAME=VALUE")
    add("--user", type=checked(container_settings.parse_user), metavar="USER[:GROUP]")
    add("--workdir", type=checked(container_settings.parse_workdir), metavar="PATH")
    add("--port", action="append", default=[], type=checked(container_settings.parse_port), metavar="PORT")
    volume = checked(container_settings.parse_volume)
    add("--volume", action="append", default=[], type=volume, metavar="PATH")
    add("--stop-signal", type=checked(container_settings.parse_stop_signal), metavar="SIGNAL")


def run(arguments: argparse.Namespace) -> int:
    with open_store(arguments.output, os.environ) as output:
        if not isinstance(output.store, Layout) or output.digest:
            raise InvalidInput(f'"{arguments.output}" is not an output: expected oci:PATH or oci:PATH:TAG.')
        container = _settings(arguments)
        annotations = container_settings.parse_annotations(dict(arguments.annotation))
        base = _base(arguments, output.store)
        layers = [_layer(text, arguments, output.store) for text in arguments.layer]
        image = build_image(
            base=base,
            layers=layers,
            settings=container,
            platform=arguments.platform,
            annotations=annotations,
        )
        output.store.push_blob(image.manifest.config, lambda: BytesIO(image.config.data))
        output.store.push_manifest(image.manifest, output.tag_for(image.digest))
    write(str(image.digest))
    return 0


def _settings(arguments: argparse.Namespace) -> ContainerSettings:
    return ContainerSettings(
        entrypoint=_words(arguments.entrypoint),
        args=_words(arguments.arg),
        env=container_settings.parse_env(dict(arguments.env)),
        workdir=arguments.workdir,
        user=arguments.user,
        ports=tuple(port for ports in arguments.port for port in ports),
        volumes=tuple(arguments.volume),
        labels=container_settings.parse_labels(dict(arguments.label)),
        stop_signal=arguments.stop_signal,
    )


def _words(words: list[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)


def _base(arguments: argparse.Namespace, output: Store) -> Image | None:
    """Read the base and copy its layers to the output."""
    if arguments.base is None:
        return None
    with open_store(arguments.base, os.environ, options=RegistryOptions(arguments.insecure)) as location:
        found = read_image(location.store, location.name, arguments.platform)
        image = base_image(found.manifest, found.config.data, arguments.platform)
        for layer in image.manifest.layers:
            if not output.has_blob(layer):
                output.push_blob(layer, partial(location.store.open_blob, layer))
    return image


def _layer(text: str, arguments: argparse.Namespace, output: Layout) -> Layer:
    directory, equals, place_in_image = text.rpartition("=")
    if not equals or not place_in_image.startswith("/"):
        directory, place_in_image = text, "/"
    placement = Placement(directory=place_in_image, owner=arguments.owner)
    entries = place(sources_in(directory), placement)
    return build_layer(entries, directory, output.path, arguments.compression, f"ocikit build {place_in_image}")
