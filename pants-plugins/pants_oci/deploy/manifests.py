"""Read manifests: image addresses, text that only looks like one, and pinned references.

YAML is parsed in a sandbox, because Pants has no parser that reports positions. A file without the searched text is not
parsed, so its format does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pants.engine.addresses import Address
from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileContent
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from ocikit.manifests.pants_url import SCHEME
from ocikit.manifests.substitute import Span, Unreplaced
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from pants_oci.compat import add_prefix, by_name, create_digest, get_digest_contents
from pants_oci.debug_hints import OfOwner
from pants_oci.errors import OciTargetError
from pants_oci.sandbox.process import OcikitProcess, call_ask_ocikit


@dataclass(frozen=True)
class ManifestsRequest(OfOwner):
    """Read those of `files` that contain the text `mark`. Errors name `owner`."""

    owner: Address
    files: Digest
    mark: str = SCHEME


@dataclass(frozen=True)
class DeploymentFile:
    """A file, by its path in the digest. `pinned`: its values that are references with a digest."""

    path: str
    text: str
    spans: tuple[Span, ...]
    unreplaced: tuple[Unreplaced, ...]
    pinned: tuple[str, ...]


@dataclass(frozen=True)
class Manifests:
    """The files that were read, sorted by path."""

    files: tuple[DeploymentFile, ...]


@rule(desc="Read the manifests of an OCI deployment", level=LogLevel.DEBUG)
async def read_manifests(request: ManifestsRequest) -> Manifests:
    contents = await get_digest_contents(request.files)
    marked = sorted((f for f in contents if request.mark.encode() in f.content), key=lambda file: file.path)
    if not marked:
        return Manifests(())
    files = await create_digest(CreateDigest(marked))
    inputs = await add_prefix(AddPrefix(files, protocol.INPUT))
    answer = await call_ask_ocikit(
        OcikitProcess(
            protocol.MANIFESTS,
            canonical_json.dumps({"files": [file.path for file in marked]}),
            inputs,
            f"Read the manifests of {request.owner}",
            level=LogLevel.DEBUG,
        )
    )
    document = answer.document
    if document.get("problems"):
        raise OciTargetError.of_all(request.owner, document["problems"])
    return Manifests(tuple(_manifest(file, document["files"][file.path]) for file in marked))


call_manifests = by_name(read_manifests, Manifests, ManifestsRequest)


def _manifest(file: FileContent, answer: Mapping[str, Any]) -> DeploymentFile:
    return DeploymentFile(
        file.path,
        file.content.decode("utf-8"),
        tuple(map(Span.from_json, answer["spans"])),
        tuple(map(Unreplaced.from_json, answer["unreplaced"])),
        tuple(answer["pinned"]),
    )


def rules() -> Iterable[object]:
    return collect_rules()
