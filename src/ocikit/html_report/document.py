"""The whole page: failed and changed images first, unchanged images collapsed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType

from ocikit.html_report.bars import Segment, bar, patterns, swatch
from ocikit.html_report.card import card, digest_code
from ocikit.html_report.labels import DONE, FORESEEN, Words, human_seconds
from ocikit.html_report.markup import Markup, element, joined
from ocikit.html_report.rows import Image, images
from ocikit.html_report.style import POLICY, SCRIPT, STYLE
from ocikit.publish.report import FAILED, PUSHED, SKIPPED, TAGGED, UNCHANGED, Row
from ocikit.publish.transfers import MOUNTED, PRESENT, SENT
from ocikit.units import human_bytes

# If more images changed, they are collapsed.
_UNFOLDED = 12


def page(rows: Sequence[Row], *, dry_run: bool) -> str:
    """The report as one file: equal rows give an equal page. It loads nothing, and works without its script."""
    words = FORESEEN if dry_run else DONE
    found = images(rows)
    failed = [image for image in found if image.row.outcome == FAILED]
    changed = [image for image in found if image.row.outcome in (PUSHED, TAGGED)]
    folded = len(changed) > _UNFOLDED
    content = joined(
        _head(rows, words, dry_run),
        _cards("failed", "Failed", failed, words, folded=False),
        _cards("changed", words.changed.capitalize(), changed, words, folded=folded),
        _list("unchanged", "Unchanged", [image for image in found if image.row.outcome == UNCHANGED]),
        _list("skipped", "Skipped", [image for image in found if image.row.outcome == SKIPPED]),
    )
    return "<!DOCTYPE html>\n" + element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=POLICY),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("title", f"{words.title}: {_headline(rows, words)}"),
            # Without this, browsers request an icon from the server of the page.
            element("link", rel="icon", href="data:,"),
            element("style", Markup(STYLE)),
        ),
        element("body", patterns(), element("main", content), element("script", Markup(SCRIPT))),
        lang="en",
    )


def _head(rows: Sequence[Row], words: Words, dry_run: bool) -> Markup:
    counts = [(outcome, sum(row.outcome == outcome for row in rows)) for outcome in _PLACES]
    sent, mounted, present, requests = (
        sum(getattr(row, what) for row in rows) for what in ("bytes_sent", "bytes_mounted", "bytes_present", "requests")
    )
    slowest = max((row.seconds for row in rows), default=0.0)
    facts = [
        (words.transfers[SENT].capitalize(), human_bytes(sent)),
        (words.transfers[MOUNTED].capitalize(), human_bytes(mounted)),
        ("Already present", human_bytes(present)),
        ("Requests", f"{requests:,}"),
        ("Slowest repository", human_seconds(slowest)),
    ]
    transfer = [
        Segment(kind, size, f"{human_bytes(size)} {words.transfers[kind]}")
        for kind, size in ((SENT, sent), (MOUNTED, mounted), (PRESENT, present))
        if size
    ]
    return element(
        "header",
        element("p", words.title, class_="kind"),
        element("h1", _headline(rows, words)),
        element("p", "Nothing was sent: this is what a run would do.", class_="notice") if dry_run else "",
        element("ul", *(_count(outcome, count, words) for outcome, count in counts if count), class_="counts"),
        bar(transfer, sent + mounted + present, "Bytes of the run") if transfer else "",
        element(
            "dl",
            *(element("div", element("dt", name), element("dd", value)) for name, value in facts),
            class_="facts",
        ),
        _legend(words) if transfer else "",
    )


# The section of the page for the references of each outcome.
_PLACES = MappingProxyType(
    {FAILED: "failed", PUSHED: "changed", TAGGED: "changed", UNCHANGED: "unchanged", SKIPPED: "skipped"}
)


def _headline(rows: Sequence[Row], words: Words) -> str:
    failed = sum(row.outcome == FAILED for row in rows)
    changed = sum(row.outcome in (PUSHED, TAGGED) for row in rows)
    references = "1 reference" if len(rows) == 1 else f"{len(rows):,} references"
    summary = f"{changed:,} of {references} {words.changed}"
    return f"{failed:,} failed, {summary}" if failed else summary


def _count(outcome: str, count: int, words: Words) -> Markup:
    number = element("b", f"{count:,}")
    link = element("a", number, f" {words.outcomes[outcome]}", href=f"#{_PLACES[outcome]}", class_=f"to-{outcome}")
    return element("li", link)


def _legend(words: Words) -> Markup:
    kinds = [
        *(element("li", swatch(kind), word) for kind, word in words.transfers.items()),
        element("li", swatch(SENT, marked=True), "new since the last published image"),
        element("li", swatch("removed"), "removed since then"),
    ]
    return element("ul", *kinds, class_="legend", aria_label="Legend of the bars")


def _cards(place: str, title: str, found: Sequence[Image], words: Words, *, folded: bool) -> Markup:
    return _section(place, title, found, (card(image, words, folded=folded) for image in found))


def _list(place: str, title: str, found: Sequence[Image]) -> Markup:
    """A collapsed table of images without details."""
    names = ("Image", "Size")
    table = element(
        "table",
        element("thead", element("tr", *(element("th", name, scope="col") for name in names))),
        element("tbody", *map(_line, found)),
        class_="images",
    )
    summary = element("summary", "1 image" if len(found) == 1 else f"{len(found):,} images")
    return _section(place, title, found, (element("details", summary, table),))


def _line(image: Image) -> Markup:
    tags = ", ".join(row.tag for row in image.rows)
    return element(
        "tr",
        element(
            "th",
            image.row.target,
            element("small", f"{image.place}: {tags}"),
            digest_code(image.row.digest),
            scope="row",
        ),
        element("td", human_bytes(image.row.size), class_="number"),
    )


def _section(place: str, title: str, found: Sequence[Image], content: Iterable[Markup]) -> Markup:
    if not found:
        return Markup()
    heading = element("h2", title, element("span", f"{len(found):,}", class_="amount"))
    return element("section", heading, *content, id=place)
