"""The process that looks up tags in registries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.engine.fs import EMPTY_DIGEST
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from pants_oci.compat import by_name
from pants_oci.sandbox.configured_registries import ConfiguredRegistries
from pants_oci.sandbox.process import OcikitProcess, call_ask_ocikit
from pants_oci.sandbox.registry_options import registry_settings


@dataclass(frozen=True)
class ResolveTagsRequest:
    """Look up which digests references name and, unless `only_digests`, for which platforms there are images."""

    references: tuple[str, ...]
    only_digests: bool


@dataclass(frozen=True)
class ResolvedTags:
    """The answers of `ocikit lock`, by reference."""

    answers: dict[str, Any]


@rule(desc="Look up tags", level=LogLevel.DEBUG)
async def resolve_tags(request: ResolveTagsRequest, configured: ConfiguredRegistries) -> ResolvedTags:
    document = {
        "references": request.references,
        "only_digests": request.only_digests,
        "registries": registry_settings(configured),
    }
    answer = await call_ask_ocikit(
        OcikitProcess(
            protocol.LOCK,
            canonical_json.dumps(document),
            EMPTY_DIGEST,
            f"Look up {len(request.references)} tags in registries",
            network=True,
            level=LogLevel.DEBUG,
        )
    )
    return ResolvedTags(answer.document)


call_resolve_tags = by_name(resolve_tags, ResolvedTags, ResolveTagsRequest)


def rules() -> Iterable[object]:
    return collect_rules()
