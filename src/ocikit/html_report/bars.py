"""Bars whose parts have widths proportional to sizes.

They are SVG, not coloured boxes: widths are attributes in SVG, so that the page can forbid styles in attributes, and
printers draw them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocikit.html_report.markup import Markup, element

_MARK = 4


@dataclass(frozen=True)
class Segment:
    """A part of a bar. `kind`: a class of the style sheet; `label`: its description; `marked`: it is new."""

    kind: str
    size: int
    label: str
    marked: bool = False


def bar(parts: Sequence[Segment], scale: int, label: str) -> Markup:
    """A bar of parts; `scale`: the size of the full width. Screen readers read `label` before the parts' labels."""
    drawn, start = [], 0
    for part in parts:
        drawn.append(_part(part, start, scale))
        start += part.size
    spoken = f"{label}: {'; '.join(part.label for part in parts)}"
    return element("svg", *drawn, class_="bar", role="img", aria_label=spoken)


def swatch(kind: str, *, marked: bool = False) -> Markup:
    """A sample of a kind of part, to show next to its name."""
    return element("svg", _part(Segment(kind, 1, "", marked), 0, 1), class_="swatch", aria_hidden="true")


def patterns() -> Markup:
    """The patterns that fills of the style sheet refer to; once in a page."""
    return Markup(
        '<svg class="patterns" aria-hidden="true"><defs>'
        '<pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect width="6" height="6" class="hatch-ground"/><rect width="3" height="6" class="hatch-line"/></pattern>'
        '<pattern id="crossed" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">'
        '<rect width="6" height="6" class="cross-ground"/><rect width="1" height="6" class="cross-line"/></pattern>'
        "</defs></svg>"
    )


def _part(part: Segment, start: int, scale: int) -> Markup:
    place = {"x": _share(start, scale), "width": _share(part.size, scale)}
    title = (element("title", part.label),) if part.label else ()
    drawn = [element("rect", **place, height="100%", class_=f"part {part.kind}")]
    if part.marked:
        drawn.append(element("rect", **place, height=_MARK, class_="mark"))
    return element("g", *title, *drawn)


def _share(size: int, scale: int) -> str:
    return f"{100 * size / scale:.4f}%" if scale else "0%"
