"""A word to whoever shares layers in a remote cache, and downloads each of them for nothing."""

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
class CacheAdviceRequest:
    """Warn if this run downloads layers that it does not need. Equal for all that ask, so it is done once."""


@dataclass(frozen=True)
class CacheAdvice:
    text: str | None


def cache_advice(content: str, *, reads_remotely: bool, writes_images: bool) -> str | None:
    """What to change, if anything. `content`: the value of `[GLOBAL].cache_content_behavior`.

    `writes_images`: the run needs the bytes of all layers in any case.
    """
    if content != "fetch" or not reads_remotely or writes_images:
        return None
    return (
        'Every layer that the remote cache has is downloaded, as [GLOBAL].cache_content_behavior is "fetch", which is '
        "Pants's default. To publish, only those are needed that a registry lacks: write "
        '`cache_content_behavior = "validate"` into [GLOBAL] of pants.toml. '
        "More of that is in docs/how-to/remote-cache.md of pants-oci."
    )


@_uncacheable_rule(desc="Look at how layers are read from the remote cache", level=LogLevel.TRACE)
async def told_cache_advice(_: CacheAdviceRequest, options: _Options) -> CacheAdvice:
    settings = options.options.for_global_scope()
    text = cache_advice(
        settings.cache_content_behavior.value,
        # Workers leave what they made in the same place, and a later run finds it there.
        reads_remotely=settings.remote_cache_read or settings.remote_execution,
        writes_images=PackageSubsystem.name in options.options.goals,
    )
    if text:
        logger.warning("%s", text)
    return CacheAdvice(text)


call_cache_advice = by_name(told_cache_advice, CacheAdvice, CacheAdviceRequest)


def rules() -> Iterable[object]:
    return collect_rules()
