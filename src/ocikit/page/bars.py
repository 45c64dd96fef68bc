"""Bars whose parts are as wide as what they stand for is large.

They are SVG, not coloured boxes: widths are attributes there, so that the page can forbid styles in attributes, and
printers draw them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocikit.page.markup import Markup, element

_MARK = 4


@dataclass(frozen=True)
class Part:
    """`kind` is a class of the style sheet; `label` says in words what the part is. `marked`: it is new."""

    kind: str
    size: int
    label: str
    marked: bool = False


def bar(parts: Sequence[Part], scale: int, label: str) -> Markup:
    """Parts side by side; `scale` is the size that is as wide as the page. `label` begins what is read aloud."""
    drawn, start = [], 0
    for part in parts:
        drawn.append(_part(part, start, scale))
        start += part.size
    spoken = f"{label}: {'; '.join(part.label for part in parts)}"
    return element("svg", *drawn, class_="bar", role="img", aria_label=spoken)


def swatch(kind: str, *, marked: bool = False) -> Markup:
    """What a kind of part looks like, beside its name."""
    return element("svg", _part(Part(kind, 1, "", marked), 0, 1), class_="swatch", aria_hidden="true")


def patterns() -> Markup:
    """What the style sheet's fills refer to; once in a page."""
    return Markup(
        '<svg class="patterns" aria-hidden="true"><defs>'
        '<pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect width="6" height="6" class="hatch-ground"/><rect width="3" height="6" class="hatch-line"/></pattern>'
        '<pattern id="crossed" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">'
        '<rect width="6" height="6" class="cross-ground"/><rect width="1" height="6" class="cross-line"/></pattern>'
        "</defs></svg>"
    )


def _part(part: Part, start: int, scale: int) -> Markup:
    place = {"x": _share(start, scale), "width": _share(part.size, scale)}
    title = (element("title", part.label),) if part.label else ()
    drawn = [element("rect", **place, height="100%", class_=f"part {part.kind}")]
    if part.marked:
        drawn.append(element("rect", **place, height=_MARK, class_="mark"))
    return element("g", *title, *drawn)


def _share(size: int, scale: int) -> str:
    return f"{100 * size / scale:.4f}%" if scale else "0%"
