"""The card of a changed image: what was transferred, why, and its size compared to the last published image."""

from __future__ import annotations

from ocikit.html_report.bars import Segment, bar, swatch
from ocikit.html_report.labels import Words, human_seconds, signed_bytes
from ocikit.html_report.markup import Markup, element
from ocikit.html_report.rows import Image
from ocikit.publish.changes import LayerChange
from ocikit.publish.report import Row
from ocikit.publish.transfers import MOUNTED, SENT, TransferredLayer
from ocikit.units import human_bytes


def digest_code(digest: str) -> Markup:
    return element("code", digest, class_="digest")


def card(image: Image, words: Words, *, folded: bool) -> Markup:
    row = image.row
    return element(
        "details",
        element(
            "summary",
            element("h3", row.target),
            _badge(row, words),
            element("span", image.place, class_="place"),
            element("span", _brief(row), class_="brief"),
        ),
        *(element("p", error, class_="error") for error in image.errors),
        element("ul", *(_tag(image, tag, words) for tag in image.rows), class_="tags", aria_label="Tags"),
        element("p", image.why(), class_="why"),
        _sizes(image, words),
        _layers(image, words) if image.layers else "",
        _about(image, words),
        class_=f"image {row.outcome}",
        open=not folded,
    )


def _brief(row: Row) -> str:
    before = row.changes.previous_size
    return human_bytes(row.size) if before is None else f"{human_bytes(row.size)}, {signed_bytes(row.size - before)}"


def _badge(row: Row, words: Words) -> Markup:
    return element("span", words.outcomes[row.outcome], class_=f"badge is-{row.outcome}")


def _tag(image: Image, row: Row, words: Words) -> Markup:
    """A tag, with its outcome if that differs from the image's."""
    differs = row.outcome != image.row.outcome
    return element("li", element("b", row.tag), f" {words.outcomes[row.outcome]}" if differs else "")


def _sizes(image: Image, words: Words) -> Markup:
    """Two bars of one scale: the image, and the image that the tag named before."""
    now = sum(layer.size for layer in image.layers)
    before = image.row.changes.previous_size
    scale = max(now, before or 0)
    if not scale:
        return Markup()
    lines = [_size("Now", human_bytes(now), [_part(image, layer, words) for layer in image.layers], scale)]
    if before is not None:
        kept = before - sum(layer.size for layer in image.removed)
        parts = [Segment("kept", kept, f"{human_bytes(kept)} in kept layers")] if kept else []
        parts += [Segment("removed", gone.size, f"{human_bytes(gone.size)} removed") for gone in image.removed]
        lines.append(_size("Before", human_bytes(before), parts, scale))
    delta = element("p", _delta(now, before), class_="delta")
    return element("div", *lines, delta if before is not None else "", class_="sizes")


def _size(name: str, size: str, parts: list[Segment], scale: int) -> Markup:
    caption = element("p", element("span", name), element("b", size))
    return element("div", caption, bar(parts, scale, f"{name}, {size}"), class_="size")


def _delta(now: int, before: int | None) -> str:
    if not before:
        return ""
    if now == before:
        return "Same size as before."
    percent = 100 * (now - before) / before
    return f"{signed_bytes(now - before)} ({abs(percent):.1f} % {'more' if percent > 0 else 'less'})"


def _part(image: Image, layer: TransferredLayer, words: Words) -> Segment:
    new = layer.digest in image.new
    label = f"{layer.origin or layer.digest}: {human_bytes(layer.size)}, {words.transfers[layer.transfer]}"
    return Segment(layer.transfer, layer.size, f"{label}, new" if new else label, marked=new)


def _layers(image: Image, words: Words) -> Markup:
    """The table of the layers, the lowest first, and of the removed ones."""
    return element(
        "table",
        element("caption", "Layers, the lowest first"),
        element(
            "thead",
            element("tr", *(element("th", name, scope="col") for name in ("TransferredLayer", "Transfer", "Size"))),
        ),
        element(
            "tbody",
            *(_layer(image, layer, words) for layer in image.layers),
            *map(_gone, image.removed),
        ),
        class_="layers",
    )


def _layer(image: Image, layer: TransferredLayer, words: Words) -> Markup:
    new = layer.digest in image.new
    how = (swatch(layer.transfer, marked=new), words.transfers[layer.transfer])
    return _line(layer, how, "new" if new else "")


def _gone(layer: LayerChange) -> Markup:
    return _line(layer, (swatch("removed"), "removed"), "")


def _line(layer: TransferredLayer | LayerChange, how: tuple[str, str], mark: str) -> Markup:
    name = element("span", layer.origin, class_="origin") if layer.origin else ""
    marked = element("span", mark, class_="new") if mark else ""
    platforms = element("span", ", ".join(layer.platforms), class_="platforms") if layer.platforms else ""
    return element(
        "tr",
        element("th", name, marked, platforms, digest_code(layer.digest), scope="row"),
        element("td", *how, class_="how"),
        element("td", human_bytes(layer.size), class_="number"),
    )


def _about(image: Image, words: Words) -> Markup:
    row = image.row
    cost = [
        f"{human_bytes(image.total('bytes_sent'))} {words.transfers[SENT]}" if image.total("bytes_sent") else "",
        f"{human_bytes(image.total('bytes_mounted'))} {words.transfers[MOUNTED]}"
        if image.total("bytes_mounted")
        else "",
        f"{image.total('requests'):,} requests" if image.total("requests") else "",
        human_seconds(sum(tag.seconds for tag in image.rows)) if image.total("requests") else "",
    ]
    facts = [("Digest", digest_code(row.digest))]
    facts += [
        (f"{tag.tag} was", digest_code(tag.changes.previous))
        for tag in image.rows
        if tag.changes.previous and tag.changes.previous != row.digest
    ]
    if any(cost):
        facts.append(("Repository", element("span", ", ".join(filter(None, cost)))))
    return element(
        "dl", *(element("div", element("dt", name), element("dd", value)) for name, value in facts), class_="about"
    )
