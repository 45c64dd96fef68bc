"""Use an image in a registry as a base: its manifest and config are cached, its layers stay in the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import EMPTY_DIGEST
from pants.engine.rules import collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

import ocikit
from ocikit.image.base import base_image, check_names
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from pants_oci.bases.base_image import BaseImage, BaseRequest
from pants_oci.bases.lockfile import LockFileRequest, call_lock_file
from pants_oci.bases.pinned import lockable, pinned
from pants_oci.compat import by_name, get_digest_contents
from pants_oci.errors import OciTargetError, errors_of
from pants_oci.sandbox.process import OcikitProcess, call_try_ocikit
from pants_oci.subsystem import OciSubsystem

# How ocikit reports that a registry does not have the content.
_GONE = "the registry answered 404"


@dataclass(frozen=True)
class BaseDocumentsRequest(EngineAwareParameter):
    """Read the manifest and config of the image `digest` in `repository`, for `platform`."""

    repository: str
    digest: str
    platform: str

    def debug_hint(self) -> str:
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True)
class BaseDocuments:
    """The manifest and config, or the `problem` that prevents reading them."""

    manifest: bytes
    config: bytes
    problem: str | None = None


@rule(desc="Read a base from its registry", level=LogLevel.DEBUG)
async def base_documents(request: BaseDocumentsRequest) -> BaseDocuments:
    document = {"repository": request.repository, "digest": request.digest, "platform": request.platform}
    output = await call_try_ocikit(
        OcikitProcess(
            protocol.BASE,
            canonical_json.dumps(document),
            EMPTY_DIGEST,
            f"Read {request.repository}@{request.digest} for {request.platform}",
            fetches=True,
        )
    )
    if output.problem:
        return BaseDocuments(b"", b"", output.problem)
    contents = await get_digest_contents(output.digest)
    files = {content.path: content.content for content in contents}
    return BaseDocuments(files[protocol.MANIFEST_FILE], files[protocol.CONFIG_FILE])


call_base_documents = by_name(base_documents, BaseDocuments, BaseDocumentsRequest)


async def registry_base(request: BaseRequest, oci: OciSubsystem) -> BaseImage:
    """Read the image of an `oci_base` that is in a registry."""
    field_set, platform = request.field_set, request.platform
    address = field_set.address
    assert field_set.image.value
    file = await call_lock_file(LockFileRequest())
    with errors_of(address):
        locked = lockable(field_set.image.value, field_set.digest.value)
        if file.problem and locked:
            raise ocikit.InvalidContent(file.problem)
        base = pinned(field_set.image.value, field_set.digest.value, platform, file.lock, oci.lockfile)
    documents = await call_base_documents(
        BaseDocumentsRequest(str(base.reference.repository), str(base.digest), str(platform))
    )
    what = f'"{base.reference}" ({base.digest})'
    if documents.problem:
        advice = " `pants oci-lock` looks up what the tag names now." if locked and _GONE in documents.problem else ""
        raise OciTargetError(address, f"{what} cannot be read: {documents.problem}{advice}")
    with errors_of(address):
        manifest = ocikit.parse_manifest(documents.manifest)
        assert isinstance(manifest, ocikit.Manifest)
        try:
            image = base_image(manifest, documents.config, platform)
            check_names(manifest)
        except ocikit.OcikitError as error:
            raise ocikit.InvalidContent(f"{what} cannot be built on: {error}") from None
    return BaseImage(image, EMPTY_DIGEST, remote=True, annotations=FrozenDict(base.annotations))


def rules() -> Iterable[object]:
    return collect_rules()
