"""What Pants and the program in a sandbox agree on: commands, and the names of files. Pure: both ends import it."""

from __future__ import annotations

from typing import NamedTuple

from ocikit.image.build import MAX_LAYERS

# The argument of every command: a JSON object.
REQUEST = "request.json"
# The folder of the files that a command reads. Nothing in it can shadow a module of Python.
INPUT = "input"
# Blobs that may be uploaded, as an image layout names them.
BLOBS = f"{INPUT}/blobs"
# The archive that an image is read from.
ARCHIVE_FILE = f"{INPUT}/archive"

ANSWER = "answer.json"
MANIFEST_FILE, CONFIG_FILE = "manifest.json", "config.json"
LAYER_DESCRIPTION, LAYER_BLOB = "layer.json", "layer.blob"
FILES, COUNT = "files.json", "count.json"
# One folder for each distribution of a PEX, by number, and what they are.
DISTRIBUTIONS_FOLDER, DISTRIBUTIONS_FILE = "distributions", "distributions.json"


class Command(NamedTuple):
    """A command, and the files that it writes. Where they depend on the request, `outputs` is empty."""

    name: str
    outputs: tuple[str, ...] = ()


def layer_file(number: int) -> str:
    """The layer `number` of an archived base, from 0."""
    return f"layers/{number}"


LAYER = Command("layer", (LAYER_DESCRIPTION, LAYER_BLOB))
ARCHIVE = Command("archive")
ARCHIVED_BASE = Command("archived_base", (MANIFEST_FILE, CONFIG_FILE, *map(layer_file, range(MAX_LAYERS))))
BASE = Command("base", (MANIFEST_FILE, CONFIG_FILE))
BASE_LAYER = Command("base_layer")
LOCK = Command("lock", (ANSWER,))
SURVEY = Command("survey", (ANSWER,))
PUBLISH = Command("publish", (ANSWER,))
ASK = Command("ask", (ANSWER,))
TOOL = Command("tool")
ASK_ENGINE = Command("ask_engine", (ANSWER,))
LOAD = Command("load", (ANSWER,))
LAYER_FILES = Command("layer_files", (COUNT, FILES))
REMOTE_IMAGES = Command("remote_images", (ANSWER,))
DISTRIBUTIONS = Command("distributions", (DISTRIBUTIONS_FILE,))
MANIFESTS = Command("manifests", (ANSWER,))
