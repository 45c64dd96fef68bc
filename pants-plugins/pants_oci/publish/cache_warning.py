"""A warning if Pants downloads every layer from the remote cache, needed or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.package import PackageSubsystem
from pants.engine.internals.options_parsing import _Options
from pants.engine.rules import _uncacheable_rule, collect_rules
from pants.util.logging import LogLevel

from pants_oci.compat import by_name
from pants_oci.log import printable_logger

logger = printable_logger(__name__)


@dataclass(frozen=True)
class CacheWarningRequest:
    """Warn if this run downloads layers that it does not need. All instances are equal, so Pants warns once."""


@dataclass(frozen=True)
class CacheWarning:
    text: str | None


def cache_advice(content: str, *, reads_remotely: bool, writes_images: bool) -> str | None:
    """The warning, if any. `content`: the value of `[GLOBAL].cache_content_behavior`.

    `writes_images`: the run needs the bytes of all layers anyway.
    """
    if content != "fetch" or not reads_remotely or writes_images:
        return None
    return (
        'Pants downloads every layer that the remote cache has, because [GLOBAL].cache_content_behavior is "fetch", '
        "Pants's default. Publishing needs only the layers that a registry lacks: "
        'set `cache_content_behavior = "validate"` in [GLOBAL] of pants.toml. '
        "See docs/how-to/remote-cache.md of pants-oci."
    )


@_uncacheable_rule(desc="Check how layers are read from the remote cache", level=LogLevel.TRACE)
async def warn_of_cache(_: CacheWarningRequest, options: _Options) -> CacheWarning:
    settings = options.options.for_global_scope()
    text = cache_advice(
        settings.cache_content_behavior.value,
        # Workers write their results to the same cache, and later runs read them there.
        reads_remotely=settings.remote_cache_read or settings.remote_execution,
        writes_images=PackageSubsystem.name in options.options.goals,
    )
    if text:
        logger.warning("%s", text)
    return CacheWarning(text)


call_cache_warning = by_name(warn_of_cache, CacheWarning, CacheWarningRequest)


def rules() -> Iterable[object]:
    return collect_rules()
