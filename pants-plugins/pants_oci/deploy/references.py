"""Find the push targets that the manifests of an `oci_deployment` reference, to infer dependencies and to render."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import AddressParseException, ResolveError
from pants.engine.addresses import Address, Addresses
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.rules import collect_rules, rule
from pants.engine.target import HydrateSourcesRequest, Target
from pants.util.logging import LogLevel

from ocikit.errors import InvalidInput
from ocikit.manifests.pants_url import SCHEME, PantsUrl
from ocikit.manifests.substitute import Span, Unreplaced
from pants_oci.compat import by_name, concurrently, hydrate_sources, implicitly, targets_of
from pants_oci.deploy.manifests import DeploymentFile, ManifestsRequest, call_manifests
from pants_oci.errors import OciTargetError, describe_type
from pants_oci.target_addresses import NamedTargetsRequest, call_named_targets
from pants_oci.targets.deployment import OciDeploymentSourcesField
from pants_oci.targets.push import OciPushTarget


@dataclass(frozen=True)
class NamedPushesRequest(EngineAwareParameter):
    """Find the push targets that the sources reference."""

    sources: OciDeploymentSourcesField

    @property
    def owner(self) -> Address:
        return self.sources.address

    def debug_hint(self) -> str:
        return str(self.owner)


@dataclass(frozen=True)
class NamedPush:
    """An address in a source, and the `oci_push` that it names."""

    file: str
    span: Span
    image: PantsUrl
    push: Target

    @property
    def where(self) -> str:
        return where(self.file, self.span)


@dataclass(frozen=True)
class NamedPushes:
    """The manifests with addresses, and all addresses in the order of the files."""

    manifests: tuple[DeploymentFile, ...]
    pushes: tuple[NamedPush, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """The push targets, without duplicates."""
        return tuple({named.push.address: named.push for named in self.pushes}.values())


@dataclass(frozen=True)
class _PushRequest:
    """Find the one `oci_push` that an address in a source names."""

    owner: Address
    where: str
    written: str
    address: str


@dataclass(frozen=True)
class _Push:
    """The target, or the problem with its address."""

    target: Target | None
    problem: str = ""


@rule(desc="Resolve an address in a manifest", level=LogLevel.TRACE)
async def find_push(request: _PushRequest) -> _Push:
    place = f'{request.where}: "{request.written}"'
    try:
        named = await call_named_targets(
            NamedTargetsRequest(request.owner, OciDeploymentSourcesField.alias, (request.address,))
        )
    except (AddressParseException, ResolveError) as error:
        return _Push(None, f"{place} is not a target: {' '.join(str(error).split())}")
    targets = await targets_of(**implicitly(Addresses(named.addresses)))
    if len(targets) != 1:
        choice = ", ".join(f"{SCHEME}{target.address}" for target in targets)
        return _Push(None, f"{place} matches {len(targets)} targets; use one of {choice}.")
    (target,) = targets
    if not isinstance(target, OciPushTarget):
        return _Push(
            None, f"{place} is {describe_type(target)}; name the `{OciPushTarget.alias}` that publishes the image."
        )
    return _Push(target)


_call_push = by_name(find_push, _Push, _PushRequest)


@rule(desc="Find the images that an OCI deployment references", level=LogLevel.DEBUG)
async def named_pushes(request: NamedPushesRequest) -> NamedPushes:
    sources = await hydrate_sources(HydrateSourcesRequest(request.sources), **implicitly())
    manifests = await call_manifests(ManifestsRequest(request.owner, sources.snapshot.digest))
    parsed: list[tuple[str, Span, PantsUrl]] = []
    problems: list[str] = []
    for manifest in manifests.files:
        for span in manifest.spans:
            try:
                parsed.append((manifest.path, span, PantsUrl.parse(span.address)))
            except InvalidInput as error:
                problems.append(f"{where(manifest.path, span)}: {error}")
    found = await concurrently(
        _call_push(_PushRequest(request.owner, where(file, span), span.address, image.address))
        for file, span, image in parsed
    )
    problems += [push.problem for push in found if push.problem]
    if problems:
        raise OciTargetError.of_all(request.owner, problems)
    pushes = (
        NamedPush(file, span, image, push.target)
        for (file, span, image), push in zip(parsed, found)
        if push.target is not None
    )
    return NamedPushes(manifests.files, tuple(pushes))


call_named_pushes = by_name(named_pushes, NamedPushes, NamedPushesRequest)


def where(file: str, span: Span | Unreplaced) -> str:
    """The position as compilers write it, so that editors can jump to it."""
    return f"{file}:{span.line}:{span.column}"


def rules() -> Iterable[object]:
    return collect_rules()
