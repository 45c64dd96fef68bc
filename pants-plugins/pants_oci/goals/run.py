"""`pants run`: run an image in Docker or Podman, with the terminal attached."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from pants.core.goals.run import RunRequest
from pants.engine.addresses import Address
from pants.engine.fs import EMPTY_DIGEST
from pants.engine.rules import _uncacheable_rule, collect_rules
from pants.util.logging import LogLevel

import ocikit
from pants_oci.errors import OciTargetError
from pants_oci.images.image import BuiltImage, ImageRequest, call_image
from pants_oci.images.index import BuiltIndex, IndexFieldSet, IndexRequest, call_index
from pants_oci.images.load import LoadedImage, LoadRequest, call_load
from pants_oci.subsystem import OciSubsystem
from pants_oci.targets.image_field_set import ImageFieldSet

# The names of Linux and macOS, and those of images.
_ARCHITECTURES: Mapping[str, str] = MappingProxyType({"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"})
# `--tty` without a terminal is an error, and only the process itself can check for one. With `exec`, signals and the
# exit code are those of the engine's client, which forwards signals to the container.
_RUN = (
    'engine=$1; shift; if [ -t 0 ] && [ -t 1 ]; then set -- --tty "$@"; fi; exec "$engine" run --rm --interactive "$@"'
)


# Uncacheable: the engine can lose the image between two runs.
@_uncacheable_rule(desc="Run an OCI image", level=LogLevel.DEBUG)
async def run_image(field_set: ImageFieldSet, oci: OciSubsystem) -> RunRequest:
    built = await call_image(ImageRequest(field_set))
    loaded = await call_load(LoadRequest(field_set.address, built))
    return run_request(loaded, oci)


# Uncacheable for the same reason.
@_uncacheable_rule(desc="Run an OCI index", level=LogLevel.DEBUG)
async def run_index(field_set: IndexFieldSet, oci: OciSubsystem) -> RunRequest:
    built = await call_index(IndexRequest(field_set))
    loaded = await call_load(LoadRequest(field_set.address, _of_this_machine(field_set.address, built)))
    return run_request(loaded, oci)


def _of_this_machine(address: Address, built: BuiltIndex) -> BuiltImage:
    """The image for this machine. Engines run Linux, in a virtual machine on other hosts."""
    machine = platform.machine().lower()
    host = ocikit.Platform("linux", _ARCHITECTURES.get(machine, machine))
    for image in built.images:
        if host.runs(image.image.platform):
            return image
    available = ", ".join(str(image.image.platform) for image in built.images)
    raise OciTargetError(
        address, f"no image for this machine, {host}; available: {available}. Run one of the images by its address."
    )


def run_request(loaded: LoadedImage, oci: OciSubsystem) -> RunRequest:
    """The request to run a loaded image. Pants adds the arguments after `--`."""
    arguments = ("/bin/sh", "-c", _RUN, "run", loaded.engine, *oci.run_args, loaded.image)
    return RunRequest(digest=EMPTY_DIGEST, args=arguments)


def rules() -> Iterable[object]:
    return (*collect_rules(), *ImageFieldSet.rules(), *IndexFieldSet.rules())
