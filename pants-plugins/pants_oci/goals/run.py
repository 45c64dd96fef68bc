"""`pants run`: an image in Docker or Podman, with the terminal attached."""

from __future__ import annotations

from collections.abc import Iterable

from pants.core.goals.run import RunRequest
from pants.engine.fs import EMPTY_DIGEST
from pants.engine.rules import _uncacheable_rule, collect_rules
from pants.util.logging import LogLevel

from pants_oci.steps.engine import LoadedImage, LoadRequest, call_load
from pants_oci.steps.image import ImageFieldSet, ImageRequest, call_image
from pants_oci.subsystem import OciSubsystem

# `-t` without a terminal is an error, and only the process itself can tell. `exec`: signals and the exit code are then
# those of the engine's client, which hands signals on to the container.
_RUN = (
    'engine=$1; shift; if [ -t 0 ] && [ -t 1 ]; then set -- --tty "$@"; fi; exec "$engine" run --rm --interactive "$@"'
)


# Uncacheable: between two runs the engine can lose the image.
@_uncacheable_rule(desc="Run an OCI image", level=LogLevel.DEBUG)
async def run_image(field_set: ImageFieldSet, oci: OciSubsystem) -> RunRequest:
    built = await call_image(ImageRequest(field_set))
    loaded = await call_load(LoadRequest(field_set.address, built))
    return run_request(loaded, oci)


def run_request(loaded: LoadedImage, oci: OciSubsystem) -> RunRequest:
    """How an image that an engine has is run; Pants adds the arguments after `--`."""
    arguments = ("/bin/sh", "-c", _RUN, "run", loaded.engine, *oci.run_args, loaded.image)
    return RunRequest(digest=EMPTY_DIGEST, args=arguments)


def rules() -> Iterable[object]:
    return (*collect_rules(), *ImageFieldSet.rules())
