"""Read manifests: image addresses, text that only looks like one, and pinned references.

YAML is parsed in a sandbox, because Pants has no parser that reports positions. A file without the searched text is not
parsed, so its format does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pants.engine.addresses import Address
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

import ocikit
from ocikit.deployment.image_address import SCHEME
from ocikit.deployment.places import Left, Place
from pants_oci.compat import add_prefix, by_name, create_digest, get_digest_contents
from pants_oci.errors import OciTargetError
from pants_oci.steps.ocikit_process import INPUT_DIRECTORY, OcikitProcess, call_ask_ocikit

_ANSWER_FILE = "answer.json"


@dataclass(frozen=True)
class ManifestsRequest(EngineAwareParameter):
    """Read those of `files` that contain the text `mark`. Errors name `owner`."""

    owner: Address
    files: Digest
    mark: str = SCHEME

    def debug_hint(self) -> str:
        return str(self.owner)


@dataclass(frozen=True)
class Manifest:
    """A file, by its path in the digest. `pinned`: its values that are references with a digest."""

    path: str
    text: str
    places: tuple[Place, ...]
    left: tuple[Left, ...]
    pinned: tuple[str, ...]


@dataclass(frozen=True)
class Manifests:
    """The files that were read, sorted by path."""

    files: tuple[Manifest, ...]


@rule(desc="Read the manifests of an OCI deployment", level=LogLevel.DEBUG)
async def read_manifests(request: ManifestsRequest) -> Manifests:
    contents = await get_digest_contents(request.files)
    marked = sorted((f for f in contents if request.mark.encode() in f.content), key=lambda file: file.path)
    if not marked:
        return Manifests(())
    files = await create_digest(CreateDigest(marked))
    inputs = await add_prefix(AddPrefix(files, INPUT_DIRECTORY))
    answer = await call_ask_ocikit(
        OcikitProcess(
            "manifests",
            ocikit.canonical_json.dumps({"files": [file.path for file in marked], "output": _ANSWER_FILE}),
            inputs,
            f"Read the manifests of {request.owner}",
            output_files=(_ANSWER_FILE,),
            level=LogLevel.DEBUG,
        )
    )
    document = answer.document
    if document.get("problems"):
        raise OciTargetError.of_all(request.owner, document["problems"])
    return Manifests(tuple(_manifest(file, document["files"][file.path]) for file in marked))


call_manifests = by_name(read_manifests, Manifests, ManifestsRequest)


def _manifest(file: FileContent, answer: Mapping[str, Any]) -> Manifest:
    return Manifest(
        file.path,
        file.content.decode("utf-8"),
        tuple(map(Place.from_json, answer["places"])),
        tuple(map(Left.from_json, answer["left"])),
        tuple(answer["pinned"]),
    )


def rules() -> Iterable[object]:
    return collect_rules()
